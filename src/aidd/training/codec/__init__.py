"""What training needs of the codec beyond transformers' model."""

"""Data sets of training, and how their items are corrupted."""

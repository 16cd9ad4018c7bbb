"""What training scripts share: arguments, checkpoints, records."""

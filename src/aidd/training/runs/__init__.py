"""What training scripts share: options, the course of a run, checkpoints, records."""

"""Losses of training, and measures of validation."""

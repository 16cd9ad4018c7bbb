"""Evaluation: methods to compare, segments, metrics and intervals."""

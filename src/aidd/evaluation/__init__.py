"""Evaluation: metrics and intervals."""

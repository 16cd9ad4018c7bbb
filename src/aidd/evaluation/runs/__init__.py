"""Evaluations as they run, and what they leave."""

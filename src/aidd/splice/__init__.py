"""Putting audio into gaps: the contract of every method, and what generated audio is brought to."""

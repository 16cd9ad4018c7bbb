"""Surveys of audio files: what header and stream promise, against what can be read."""

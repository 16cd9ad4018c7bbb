"""Signals, without any notion of gaps: arrays, files, rates, spectra, bands."""

"""Checks of a model and a guide: predictive checks, simulation-based calibration."""

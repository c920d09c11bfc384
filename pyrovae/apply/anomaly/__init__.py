"""Anomaly detection: scores of how normal data look to a pair, and a calibrated detector."""

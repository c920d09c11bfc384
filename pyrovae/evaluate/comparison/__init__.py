"""Estimators side by side: on one trained pair, and by training with each."""

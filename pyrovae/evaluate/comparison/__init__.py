"""Objectives compared: on one trained pair, and by training with each."""

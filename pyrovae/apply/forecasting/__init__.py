"""Forecasts of time series with intervals, and their scores on steps that are known."""

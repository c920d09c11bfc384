"""Coders of distributions, one file for each kind."""

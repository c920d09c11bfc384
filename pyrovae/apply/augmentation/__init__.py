"""Labelled data made by trained pairs."""

"""Checks of a pair before it is trained."""

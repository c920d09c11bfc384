"""Lossless compression of data by a trained pair: bits back with asymmetric numeral systems."""

from .bits_back import BitsBack, Coded

__all__ = ["BitsBack", "Coded"]

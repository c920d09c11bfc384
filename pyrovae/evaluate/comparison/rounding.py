"""Figures as text, with as many digits as their errors leave."""

import math

from .table import figure

_DIGITS, _DECIMALS = 3, 3  # at most


def decimals(error: float) -> int:
    """Decimals of a value that is printed beside its error: two digits of the error."""
    if not math.isfinite(error) or error <= 0:
        return _DECIMALS
    return min(_DECIMALS, max(0, 1 - math.floor(math.log10(error))))


def with_digits(value: float, error: float = math.nan) -> str:
    """A value alone: its last digit is the first that a standard error changes, of three at most.

    Args:
        value: What to print.
        error: Its standard error; NaN where it is not known, infinite where nothing is.
    """
    if not math.isfinite(value) or math.isnan(error) or value == 0 or error <= 0:
        return figure(value)
    error = min(error, abs(value))
    digits = math.floor(math.log10(abs(value))) - math.floor(math.log10(error)) + 1
    return figure(float(f"{value:.{min(_DIGITS, max(1, digits)) - 1}e}"))

"""Pairs with one mistake each, by the family of the code that must find it."""

from . import crashes, dependence, effects, estimators, parameters, plates, sites, values
from .case import CASES

__all__ = [
    "CASES", "crashes", "dependence", "effects", "estimators", "parameters", "plates", "sites",
    "values",
]  # fmt: skip

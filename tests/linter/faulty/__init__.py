"""Pairs with one mistake each, by the family of the code that must find it."""

from . import (
    crashes,
    dependence,
    detached,
    effects,
    estimators,
    parameters,
    parts,
    plates,
    sites,
    values,
)  # fmt: skip
from .case import CASES

__all__ = [
    "CASES", "crashes", "dependence", "detached", "effects", "estimators", "parameters", "parts",
    "plates", "sites", "values",
]  # fmt: skip

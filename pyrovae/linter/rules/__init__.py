"""The rules, one class each. A new one is a file and a line here."""

from .base import Rule
from .crash import Crash, WrongCall, WrongPlateSize

RULES: tuple[Rule, ...] = (
    WrongCall(),
    WrongPlateSize(),
    Crash(),
)

__all__ = ["RULES", "Rule"]

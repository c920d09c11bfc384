"""Rows of figures: printed, and written as CSV and JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...runtime.result import Result


@dataclass(frozen=True, eq=False)
class Table(Result):
    """Rows of measurements, and what holds for all rows.

    Attributes:
        rows: Figures by name; those that do not exist are NaN or None.
        facts: What was measured, and how.
    """

    rows: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]

    def cells(self) -> Sequence[Sequence[str]]:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        return [names, *([_text(row.get(name)) for name in names] for row in self.rows)]

    def records(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.rows]

    def numbers(self) -> dict[str, Any]:
        return {**self.facts, "rows": self.records()}


def figure(value: float | None, pattern: str = ".3g") -> str:
    """A number as text; "-" where there is none."""
    return "-" if value is None or math.isnan(value) else format(value, pattern)


def _text(value: Any) -> str:  # noqa: ANN401
    return figure(value) if value is None or isinstance(value, float) else str(value)

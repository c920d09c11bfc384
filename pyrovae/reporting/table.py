"""The table of a report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..runtime.result import Result

Row = tuple[str, str, str, str]
"""What is measured, its value, its standard error or "", and a remark."""


@dataclass(frozen=True)
class Report(Result):
    """Measurements of a pair on held-out data.

    Attributes:
        rows: What is measured, its value, its standard error or "", and a remark.
        facts: The same numbers by name, for a machine.
    """

    rows: tuple[Row, ...]
    facts: dict[str, Any]

    def cells(self) -> Sequence[Sequence[str]]:
        return [("", "value", "error", "remark"), *self.rows]

    def numbers(self) -> dict[str, Any]:
        return self.facts

    def __str__(self) -> str:
        widths = [max(len(row[i]) for row in self.rows) for i in range(3)]
        return "\n".join(
            f"{what:<{widths[0]}}  {value:>{widths[1]}} {error:<{widths[2]}}  {remark}".rstrip()
            for what, value, error, remark in self.rows
        )

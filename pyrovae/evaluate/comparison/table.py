"""Rows of figures: printed, and written as CSV and JSON."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import Any

from ...runtime.files import save


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of measurements, and what holds for all rows.

    Attributes:
        rows: Figures by name; those that do not exist are NaN or None.
        facts: What was measured, and how.
    """

    rows: Sequence[Mapping[str, Any]]
    facts: Mapping[str, Any]

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the rows; a column that a row lacks stays empty.

        Raises:
            SaveError: The file cannot be written; one that was there is as it was.
        """
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        content = StringIO(newline="")
        writer = csv.DictWriter(content, names, restval="")
        writer.writeheader()
        writer.writerows(self.rows)
        save(Path(path), content.getvalue())

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write facts and rows; numbers that do not exist are null.

        Raises:
            SaveError: See `to_csv`.
        """
        content = {**self.facts, "rows": list(self.rows)}
        save(Path(path), json.dumps(_without_nan(content), indent=2) + "\n")


def aligned(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns of one width each: the first to the left, the others to the right."""
    every = [header, *lines]
    widths = [max(len(line[i]) for line in every) for i in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in every
    )


def figure(value: float | None, pattern: str = ".3g") -> str:
    """A number as text; "-" where there is none."""
    return "-" if value is None or math.isnan(value) else format(value, pattern)


def _without_nan(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""What a measurement gives: a table for people, numbers for machines, a picture."""

import csv
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from html import escape
from importlib.util import find_spec
from io import StringIO
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ..errors import ConfigError
from .files import save

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


class Result(ABC):
    """Base of what measurements and uses give.

    Printed it is a table; a notebook shows the same as HTML. A subclass is a frozen dataclass that
    implements `cells` and `numbers`.
    """

    @abstractmethod
    def cells(self) -> Sequence[Sequence[str]]:
        """The cells of the table as text, with a head row first; all rows of one length."""

    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """What was measured, by name, as numbers, texts, lists and dicts: for a JSON file."""

    def records(self) -> list[dict[str, Any]]:
        """The rows of the table as values by column: numbers where there are numbers."""
        head, *rows = self.cells()
        return [dict(zip(head, row, strict=True)) for row in rows]

    def notes(self) -> Sequence[str]:
        """Sentences that belong below the table."""
        return ()

    def arrays(self) -> dict[str, Tensor]:
        """What was made, by name, on the CPU."""
        return {}

    def plot(self) -> "Figure | None":
        """The picture of it; None where there is none, as of data that are no images.

        Nothing is shown or written.
        """
        return None

    def __str__(self) -> str:
        return "\n".join([aligned(self.cells()), *self.notes()])

    def _repr_html_(self) -> str:
        head, *rows = self.cells()
        body = "".join(f"<tr>{_html_row('td', row)}</tr>" for row in rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes())
        return (
            f"<table><thead><tr>{_html_row('th', head)}</tr></thead>"
            f"<tbody>{body}</tbody></table>{notes}"
        )

    def to_frame(self) -> Any:  # noqa: ANN401 (pandas is optional)
        """The `records` as a `pandas.DataFrame`.

        Raises:
            ConfigError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise ConfigError(
                "to_frame: pandas is not installed; install it with `pip install pandas`, or take "
                "the same rows from records()"
            )
        import pandas

        return pandas.DataFrame(self.records())

    def to_csv(self, path: str | PathLike[str]) -> None:
        """Write the `records`; a column that a row lacks stays empty.

        Raises:
            SaveError: The file cannot be written; one that was there is as it was.
        """
        records = self.records()
        names = list(dict.fromkeys(name for row in records for name in row))
        content = StringIO(newline="")
        writer = csv.DictWriter(content, names, restval="")
        writer.writeheader()
        writer.writerows(records)
        save(Path(path), content.getvalue())

    def to_json(self, path: str | PathLike[str]) -> None:
        """Write the `numbers`; those that do not exist are null.

        Raises:
            SaveError: See `to_csv`.
        """
        save(Path(path), json.dumps(without_nan(self.numbers()), indent=2) + "\n")

    def to_latex(self, path: str | PathLike[str] | None = None) -> str:
        """The table for a paper, of the package booktabs; also written where a path is given.

        Raises:
            SaveError: See `to_csv`.
        """
        head, *rows = self.cells()
        lines = [
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            _latex_row(head),
            r"\midrule",
            *map(_latex_row, rows),
            r"\bottomrule",
            r"\end{tabular}",
        ]
        text = "\n".join(lines) + "\n"
        if path is not None:
            save(Path(path), text)
        return text


def aligned(cells: Sequence[Sequence[str]]) -> str:
    """Columns of one width each: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def without_nan(value: Any) -> Any:  # noqa: ANN401
    """The same with None in the place of numbers that are not finite, as JSON has none."""
    if isinstance(value, Mapping):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _html_row(tag: str, row: Sequence[str]) -> str:
    return "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in row)


def _latex_row(row: Sequence[str]) -> str:
    cells = ("".join(_SPECIAL.get(c, c) for c in cell) for cell in row)
    return " & ".join(cells) + r" \\"

"""Rows of a table."""

import csv
import inspect
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...models.capabilities import ReadsAsTable
from ...runtime.files import save
from ..section import Cell, Grid, Part
from .base import Form, Made

_FIRST = 5  # rows that a command prints
_ON_A_PAGE = 12
_WIDEST = 24  # columns on a page; letters of a cell in print


class Table(Form):
    """Data that the pair reads as named columns, in their own units: a CSV file.

    What is missing is an empty cell. A reconstruction has the columns of its row, and behind them
    the same again by the names "NAME, reconstructed".
    """

    kind = "rows of a table"
    endings = (".csv",)
    has_means = False

    def __init__(self, pair: ReadsAsTable) -> None:
        self.pair = pair

    def given(self, batch: Sequence[Tensor]) -> Tensor:
        """See `Form.given`; NaN where the mask says that a cell is missing."""
        x, *rest = batch
        if rest and rest[0].dtype == torch.bool and rest[0].shape == x.shape:
            return torch.where(rest[0], x, torch.nan)
        return x

    def write(self, out: Path, made: Tensor, given: Tensor | None, title: str) -> list[Path]:
        columns = self._columns(made)
        if given is not None:
            columns = {**self._columns(given), **{
                f"{name}, reconstructed": values for name, values in columns.items()
            }}  # fmt: skip
        content = StringIO(newline="")
        writer = csv.writer(content, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        save(out, content.getvalue())
        return [out]

    def preview(self, made: Tensor, given: Tensor | None) -> Sequence[str]:
        columns = self._columns(made[:_FIRST])
        cells = [
            [str(name)[:_WIDEST], *(_shown(value)[:_WIDEST] for value in values)]
            for name, values in list(columns.items())[:_ON_A_PAGE]
        ]
        widths = [max(map(len, column)) for column in cells]
        more = len(columns) - len(cells)
        return [
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in zip(*cells, strict=True)
        ] + ([f"and {more} more columns"] if more > 0 else [])

    def parts(self, made: Made) -> Sequence[Part]:
        grids = [
            self._grid(f"table-{kind}", caption, x)
            for kind, caption, x in (
                ("samples", "Rows that the model made of draws from its prior", made.samples),
                ("given", "Test data, for comparison", made.given),
            )
            if x is not None
        ]
        return [Part(grids=grids)]

    def save(self, made: Made, folder: Path) -> list[Path]:
        if made.samples is None:
            return []
        return self.write(folder / "samples.csv", made.samples, None, "")

    def _grid(self, name: str, caption: str, x: Tensor) -> Grid:
        columns = self._columns(x)
        shown = dict(list(columns.items())[:_WIDEST])
        more = (
            f" (the first {_WIDEST} of {len(columns)} columns)" if len(columns) > _WIDEST else ""
        )
        records = [
            dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
        ]
        rows = [[_cell(record[column]) for column in shown] for record in records[:_ON_A_PAGE]]
        return Grid(name, caption + more, [str(column) for column in shown], rows, records)

    def _columns(self, x: Tensor) -> Mapping[str, list[Any]]:
        known: dict[str, Tensor] = {}
        if "mask" in inspect.signature(self.pair.to_columns).parameters:
            known = {"mask": ~x.isnan()}
            x = x.nan_to_num()  # no code of a category
        return {
            str(name): ["" if _is_missing(value) else _plain(value) for value in values]
            for name, values in self.pair.to_columns(x, **known).items()
        }


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A Python value of a number of torch or numpy."""
    return value.item() if hasattr(value, "item") else value


def _is_missing(value: Any) -> bool:  # noqa: ANN401
    return value is None or value != value


def _shown(value: Any) -> str:  # noqa: ANN401
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cell(value: Any) -> Cell:  # noqa: ANN401
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Cell(_shown(value), float(value))
    return Cell(_shown(value), is_data=True)

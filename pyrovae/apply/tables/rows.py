"""Rows of a table as numbers with gaps, for statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...data.tables import TableColumn, TableColumns
from ...data.tables.cells import read_cells


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as statistics see them.

    Attributes:
        columns: What they hold.
        values: [N, D]: numbers (the logarithm of positive ones, log(1 + x) of counts), and codes;
            NaN where missing.
        exact: [N, D]: the cells themselves, as numbers and codes, NaN where missing.
    """

    columns: TableColumns
    values: np.ndarray
    exact: np.ndarray

    @classmethod
    def of(cls, columns: TableColumns, frame: Any) -> Rows:  # noqa: ANN401
        """Those of a frame; categories that a column does not know share a code of their own."""
        x, mask = columns.encode(frame, unseen="missing")
        exact = np.where(mask.numpy(), x.double().numpy(), np.nan)
        for cells in read_cells(frame):
            place = columns.names.index(cells.name)
            if not columns[place].is_number:
                strange = ~cells.absent & ~mask[:, place].numpy()
                exact[strange, place] = len(columns[place].values)
        return cls(
            columns, np.stack([_seen(c, exact[:, i]) for i, c in enumerate(columns)], 1), exact
        )

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray | slice) -> Rows:
        """Some of the rows."""
        return Rows(self.columns, self.values[rows], self.exact[rows])

    def with_gaps_of(self, other: Rows, seed: int = 0) -> Rows:
        """These rows, each with the gaps of a random row of the other set."""
        picked = np.random.default_rng(seed).integers(0, len(other), len(self))
        gone = np.isnan(other.values)[picked]
        return Rows(
            self.columns,
            np.where(gone, np.nan, self.values),
            np.where(gone, np.nan, self.exact),
        )

    def places(self, *kinds: str) -> list[int]:
        """The columns of these kinds."""
        return [place for place, column in enumerate(self.columns) if column.kind in kinds]


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows one after the other."""
    return Rows(
        parts[0].columns,
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.exact for part in parts]),
    )


def _seen(column: TableColumn, x: np.ndarray) -> np.ndarray:
    change = {"positive": np.log, "count": np.log1p}.get(column.kind)
    return x if change is None else change(x)

"""What a column of a table holds, and its cells as numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ...errors import ConfigError, DataError
from .cells import Cells

Kind = Literal["real", "positive", "count", "ordinal", "binary", "categorical"]
"""What the values of a column are, which chooses its likelihood."""

Unseen = Literal["error", "missing"]
"""What becomes of a category that training did not see."""

_LEAST = float(np.finfo(np.float32).tiny)

NUMBERS = ("real", "positive", "count")


@dataclass(frozen=True)
class TableColumn:
    """One column of a table.

    A number stays in its own units. A category or a level becomes its code, 0..C-1.

    Args:
        name: Of the column.
        kind: What its values are.
        values: The categories, or the levels from the lowest; of numbers none.
        shift: Mean of the training values: of x itself (real), of log x (positive), or of
            log(1 + x) (count). Networks see and give numbers that are standardised by it.
        scale: Their standard deviation, likewise.

    Raises:
        ConfigError: There is no such kind, or the values do not fit it.

    Example:
        >>> TableColumn("size", "ordinal", ("S", "M", "L")).decode(np.array([2.0, 0.0]))
        ['L', 'S']
    """

    name: str
    kind: Kind
    values: tuple[Any, ...] = ()
    shift: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ConfigError(
                f"column {self.name!r}: the kind {self.kind!r} is not known; give one of "
                f"{', '.join(get_args(Kind))}"
            )
        object.__setattr__(self, "values", tuple(self.values))
        wanted = 2 if self.kind == "binary" else None
        enough = not self.values if self.is_number else len(set(self.values)) >= 2
        if not enough or len(set(self.values)) != (wanted or len(self.values)):
            raise ConfigError(
                f"column {self.name!r} is {self.kind} and has the values {list(self.values)}; "
                "numbers have none, binary columns two, others two or more, each once"
            )
        if not (math.isfinite(self.shift) and 0 < self.scale < math.inf):
            raise ConfigError(
                f"column {self.name!r} has shift={self.shift} and scale={self.scale}; they are "
                "finite, and the scale is above 0"
            )

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers, and no categories or levels."""
        return self.kind in NUMBERS

    @property
    def stand_in(self) -> float:
        """A value that stands where one is missing."""
        typical = {"real": self.shift, "positive": math.exp(min(self.shift, 80.0))}
        return typical.get(self.kind, 0.0)

    def encode(self, cells: Cells, unseen: Unseen = "error") -> tuple[np.ndarray, np.ndarray]:
        """Numbers or codes [N] in float64, and True where one was observed [N].

        Raises:
            DataError: The cells are of another kind, a number is outside of its range, or a
                category is not known.
        """
        if not self.is_number:
            return self._codes(cells, unseen)
        if cells.form == "text" and not cells.absent.all():
            first = cells.present()[0]
            raise DataError(
                f"column {self.name!r} was {self.kind} in training and now holds text, such as "
                f"{first!r}; give numbers"
            )
        values = np.full(len(cells), self.stand_in)
        if cells.form != "text":
            self._check(cells)
            values = np.where(cells.absent, self.stand_in, cells.values)
        return values, ~cells.absent

    def decode(self, values: np.ndarray) -> list[Any]:
        """Numbers in their own units, and categories and levels by name; None for NaN [N]."""
        top = len(self.values) - 1

        def read(value: float) -> Any:  # noqa: ANN401
            if math.isnan(value):
                return None
            if self.is_number:
                return round(value) if self.kind == "count" else value
            return self.values[min(max(round(value), 0), top)]

        return [read(float(value)) for value in values]

    def to_json(self) -> dict[str, Any]:
        """Plain values of it."""
        own = {"name": self.name, "kind": self.kind}
        if self.is_number:
            return {**own, "shift": self.shift, "scale": self.scale}
        return {**own, "values": list(self.values)}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> TableColumn:
        """The column of these plain values.

        Raises:
            ConfigError: They are none of a column.
        """
        try:
            return cls(**given)
        except TypeError as error:
            raise ConfigError(
                f"columns holds {given!r}, which describes no column ({error}); give name and "
                "kind, and values, or shift and scale"
            ) from error

    def _check(self, cells: Cells) -> None:
        ranges = {
            "positive": (lambda x: x >= _LEAST, f"numbers above 0, in float32 from {_LEAST:.0e}"),
            "count": (lambda x: (x >= 0) & (x == np.round(x)), "whole numbers from 0"),
        }
        if self.kind not in ranges:
            return
        fits, needs = ranges[self.kind]
        bad = ~fits(np.where(cells.absent, 1.0, cells.values))
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                f"column {self.name!r} is {self.kind} and needs {needs}; {int(bad.sum())} values "
                f"are others, the first is {cells.values[row]:g} in row {cells.row(row)}: "
                f"mend them, or call the column real by kinds={{{self.name!r}: 'real'}} before "
                "training"
            )

    def _codes(self, cells: Cells, unseen: Unseen) -> tuple[np.ndarray, np.ndarray]:
        code = {value: place for place, value in enumerate(self.values)}
        labels = cells.labels()
        strange = [
            (row, label) for row, label in enumerate(labels)
            if label is not None and label not in code
        ]  # fmt: skip
        if strange and unseen == "error":
            row, label = strange[0]
            known = ", ".join(map(repr, self.values[:10])) + (", ..." * (len(self.values) > 10))
            raise DataError(
                f"column {self.name!r} holds {label!r} in row {cells.row(row)}, which "
                f"training did not see ({len(strange)} such cells); it knows {known}. Correct it, "
                "take it as missing by unseen='missing', or name all categories before training "
                "by levels="
            )
        found = [code.get(label) for label in labels]
        observed = np.array([each is not None for each in found], bool)
        return np.array([each or 0 for each in found], float), observed

"""The cells of the columns of a table: numbers, truth values or labels, and which are missing."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Literal

import numpy as np

from ...errors import ConfigError, DataError
from ..files import read_file
from ..loaded import is_a
from ..rows.frames import frame_tensor

Form = Literal["numbers", "truth values", "text"]


@dataclass(frozen=True, eq=False)
class Cells:
    """One column of a table as it came.

    Attributes:
        name: Of the column.
        form: What the cells are.
        values: [N]: float64 of numbers and truth values, NaN where missing; else objects.
        absent: Where a cell is missing [N].
        declared: The categories that a type of the column states, in its order.
        ordered: Whether that order has a meaning.
        places: Of these cells among the rows of the table as it came [N]; None where they are all.
    """

    name: str
    form: Form
    values: np.ndarray
    absent: np.ndarray
    declared: tuple[Any, ...] = ()
    ordered: bool = False
    places: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: np.ndarray) -> Cells:
        """The same column of some rows."""
        places = np.arange(len(self)) if self.places is None else self.places
        return replace(
            self, values=self.values[rows], absent=self.absent[rows], places=places[rows]
        )

    def row(self, number: int) -> int:
        """The row of the table as it came, for messages."""
        return number if self.places is None else int(self.places[number])

    def present(self) -> np.ndarray:
        """The cells that are not missing."""
        return self.values[~self.absent]

    def labels(self) -> list[Any]:
        """The cells as categories, None where missing; whole numbers as integers."""
        if self.form == "text":
            return list(self.values)
        made = bool if self.form == "truth values" else _number
        return [
            None if gone else made(v) for v, gone in zip(self.values, self.absent, strict=True)
        ]


def as_table(source: Any) -> Any:  # noqa: ANN401
    """The frame of a CSV or parquet file where a path is given, else what is given."""
    return read_file(source) if isinstance(source, str | PathLike) else source


def read_cells(frame: Any, columns: Sequence[str] | None = None) -> list[Cells]:  # noqa: ANN401
    """The columns of a frame of pandas or polars, of a dict of columns, or of a file.

    Args:
        frame: The table, or its path.
        columns: Names of those that are read, in this order; None is all.

    Raises:
        ConfigError: A column that is named is not there.
        DataError: It is no table, two columns have one name, the columns differ in length, or one
            holds dates, lists, infinite numbers or values of several kinds.
    """
    frame = as_table(frame)
    names = names_of(frame)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"the table has several columns {_listed(twice)}; rename them")
    for name in columns or ():
        if name not in names:
            raise ConfigError(f"columns: {name!r} is not among {names}; give some of these")
    wanted = names if columns is None else list(columns)
    if not wanted:
        raise DataError("the table has no columns; give at least one")
    found = [_column(name, frame[name]) for name in wanted]
    lengths = {len(cells) for cells in found}
    if len(lengths) > 1:
        raise DataError(f"the columns have {sorted(lengths)} rows; give all as many")
    return found


def names_of(frame: Any) -> list[Any]:  # noqa: ANN401
    """The names of the columns of a table.

    Raises:
        DataError: It is no table.
    """
    if is_a(frame, "pandas", "DataFrame") or is_a(frame, "polars", "DataFrame"):
        return list(frame.columns)
    if isinstance(frame, Mapping):
        return list(frame)
    raise DataError(
        f"the table is {type(frame).__name__}, and must be a data frame of pandas or polars, a "
        "dict of columns, or the path of a CSV or parquet file"
    )


def _column(name: str, column: Any) -> Cells:  # noqa: ANN401
    where = f"column {name!r}"
    if is_a(column, "polars", "Series"):
        return _of_polars(name, where, column)
    if is_a(column, "pandas", "Series"):
        return _of_pandas(name, where, column)
    array = np.asarray(column)
    if array.ndim != 1:
        raise DataError(f"{where} has shape {array.shape}, and needs one value a row")
    if array.dtype.kind in "mM":  # a date of nanoseconds would become a number
        raise DataError(_dates(where, str(array.dtype)))
    if isinstance(column, np.ma.MaskedArray):
        column = array = np.array(column.tolist(), object)
    if array.dtype.kind in "biuf":
        return _numbers(name, array.astype(np.float64), array.dtype.kind == "b")
    return _objects(name, where, list(column))


def _of_pandas(name: str, where: str, series: Any) -> Cells:  # noqa: ANN401
    from pandas.api import types

    dtype = series.dtype
    if is_a(dtype, "pandas", "CategoricalDtype"):
        declared = tuple(_plain(each) for each in dtype.categories)
        cells = _objects(name, where, list(series.astype(object)))
        if cells.form == "text":
            return replace(cells, declared=declared, ordered=bool(dtype.ordered))
        return replace(_as_text(cells), declared=declared, ordered=bool(dtype.ordered))
    if types.is_datetime64_any_dtype(dtype) or dtype.kind == "m":
        raise DataError(_dates(where, str(dtype)))
    if types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype):
        tensor = frame_tensor(where, series, missing=True)
        return _numbers(name, tensor.double().numpy(), types.is_bool_dtype(dtype))
    return _objects(name, where, list(series))


def _of_polars(name: str, where: str, series: Any) -> Cells:  # noqa: ANN401
    import polars

    dtype = series.dtype
    if dtype.is_temporal():
        raise DataError(_dates(where, str(dtype)))
    if dtype.is_numeric() or dtype == polars.Boolean:
        tensor = frame_tensor(where, series, missing=True)
        return _numbers(name, tensor.double().numpy(), dtype == polars.Boolean)
    cells = _objects(name, where, series.to_list())
    declared = tuple(dtype.categories) if isinstance(dtype, polars.Enum) else ()
    return replace(cells, declared=declared)


def _numbers(name: str, values: np.ndarray, truth: bool) -> Cells:
    absent = np.isnan(values)
    endless = np.isinf(values)
    if endless.any():
        raise DataError(
            f"column {name!r} holds {int(endless.sum())} infinite values, the first in row "
            f"{int(endless.argmax())}; replace them, say by missing values"
        )
    beyond = np.abs(values) > float(np.finfo(np.float32).max)
    if beyond.any():
        row = int(beyond.argmax())
        raise DataError(
            f"column {name!r} holds {values[row]:g} in row {row}, and rows are float32, which "
            "holds numbers up to 3.4e38; give the column in other units"
        )
    return Cells(name, "truth values" if truth else "numbers", values, absent)


def _objects(name: str, where: str, given: list[Any]) -> Cells:
    values = [_plain(each) for each in given]
    absent = np.array([value is None for value in values], bool)
    kinds = {type(value) for value in values if value is not None}
    if any(issubclass(kind, datetime.date | datetime.time | datetime.timedelta) for kind in kinds):
        raise DataError(_dates(where, "dates"))
    if kinds and kinds <= {int, float, bool} and (bool not in kinds or len(kinds) == 1):
        numbers = np.array([math.nan if value is None else value for value in values], float)
        return _numbers(name, numbers, kinds == {bool})
    if kinds - {str}:
        seen = {kind.__name__: next(v for v in values if type(v) is kind) for kind in kinds}
        told = ", ".join(f"{kind} such as {value!r}" for kind, value in sorted(seen.items()))
        raise DataError(
            f"{where} holds values of several kinds or of an unknown one ({told}); make them all "
            "numbers or all text, or leave the column out by columns="
        )
    made = np.empty(len(values), object)
    made[:] = values
    return Cells(name, "text", made, absent)


def _as_text(cells: Cells) -> Cells:
    """The same cells as categories."""
    made = np.empty(len(cells), object)
    made[:] = cells.labels()
    return replace(cells, form="text", values=made)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """A value of Python's own; None for what stands for a missing one."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value).__name__ in _GONE:
        return None
    return None if isinstance(value, float) and math.isnan(value) else value


_GONE = ("NAType", "NaTType")


def _number(value: float) -> int | float:
    return int(value) if float(value).is_integer() else float(value)


def _dates(where: str, what: str) -> str:
    return (
        f"{where} holds {what}; make numbers of them, such as the days since the first, or "
        "categories, such as the weekday, or leave it out by columns="
    )


def _listed(names: Sequence[Any]) -> str:
    return ", ".join(map(repr, names))

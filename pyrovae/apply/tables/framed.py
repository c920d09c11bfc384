"""Columns of values as a frame, and tables with cells filled in."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from torch import Tensor

from ...data.loaded import is_a
from ...data.tables.cells import names_of
from ...errors import ConfigError


def as_frame(columns: Mapping[str, Sequence[Any]]) -> Any:  # noqa: ANN401
    """A frame of pandas, or of polars where pandas is not installed; a dict without both."""
    library = next((each for each in ("pandas", "polars") if find_spec(each)), None)
    return dict(columns) if library is None else import_module(library).DataFrame(columns)


def methods_of(pair: object, where: str, *names: str) -> None:
    """Refuse a pair without these methods.

    Raises:
        ConfigError: One is not there.
    """
    lacking = [name for name in names if not callable(getattr(pair, name, None))]
    if lacking:
        raise ConfigError(
            f"{where} got {type(pair).__name__}, which has no {' and no '.join(lacking)}; give a "
            "pair of a table, such as models.TableVAE"
        )


def filled(frame: Any, mask: Tensor, values: Mapping[str, Sequence[Any]]) -> Any:  # noqa: ANN401
    """A table of the same kind with values where the mask [N, D] is False; else as it was.

    A column keeps its type where that holds the values: whole numbers that get fractions become
    floats, and a category that its type does not name makes text of it.

    Args:
        frame: Of pandas or polars, or a dict of columns. What is not in `values` stays.
        mask: Its columns are in the order of `values`.
        values: Of all cells of these columns.
    """
    places = {str(name): place for place, name in enumerate(values)}
    new = list(values.values())
    made = {}
    for name in names_of(frame):
        place, made[name] = places.get(str(name)), frame[name]
        if place is not None:
            made[name] = _column(frame[name], mask[:, place].tolist(), new[place])
    if is_a(frame, "pandas", "DataFrame"):
        import pandas

        return pandas.DataFrame(made, index=frame.index)
    if is_a(frame, "polars", "DataFrame"):
        import polars

        return polars.DataFrame(made)
    return made


def _column(column: Any, seen: Sequence[bool], values: Sequence[Any]) -> Any:  # noqa: ANN401
    """One column: a series of the same library, or a list."""
    old = column.tolist() if isinstance(column, Tensor | np.ndarray) else list(column)
    if is_a(column, "pandas", "Series"):
        return column if all(seen) else _of_pandas(column, _chosen(old, seen, values))
    if is_a(column, "polars", "Series"):
        return column if all(seen) else _of_polars(column, _chosen(old, seen, values))
    return _chosen(old, seen, values)


def _chosen(old: Sequence[Any], seen: Sequence[bool], values: Sequence[Any]) -> list[Any]:
    return [had if kept else new for had, new, kept in zip(old, values, seen, strict=True)]


def _of_pandas(column: Any, cells: list[Any]) -> Any:  # noqa: ANN401
    import pandas

    made, kind = pandas.Series(cells, index=column.index), column.dtype
    if is_a(kind, "pandas", "CategoricalDtype") and not made.isin(kind.categories).all():
        return made
    try:
        return made.astype(kind)
    except (TypeError, ValueError):
        return made


def _of_polars(column: Any, cells: list[Any]) -> Any:  # noqa: ANN401
    import polars

    try:
        return polars.Series(column.name, cells, dtype=column.dtype)
    except (TypeError, polars.exceptions.PolarsError):
        return polars.Series(column.name, cells, strict=False)

"""Columns of values as a frame, and tables with cells filled in."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from torch import Tensor

from ...data.loaded import is_a
from ...data.tables.cells import names_of, read_cells
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

    Args:
        frame: Of pandas or polars, or a dict of columns. What is not in `values` stays.
        mask: Its columns are in the order of `values`.
        values: Of all cells of these columns.
    """
    names = [str(name) for name in names_of(frame)]
    wanted = [name for name in names_of(frame) if str(name) in values]
    kept = {str(cells.name): cells.labels() for cells in read_cells(frame, wanted)}
    made = {}
    for place, (name, new) in enumerate(values.items()):
        seen = mask[:, place].tolist()
        made[name] = [old if k else fresh
                      for old, fresh, k in zip(kept[name], new, seen, strict=True)]  # fmt: skip
    others = {str(name): frame[name] for name in names_of(frame) if str(name) not in made}
    ordered = {name: made[name] if name in made else others[name] for name in names}
    if is_a(frame, "pandas", "DataFrame"):
        import pandas

        return pandas.DataFrame(ordered, index=frame.index)
    if is_a(frame, "polars", "DataFrame"):
        import polars

        return polars.DataFrame(ordered)
    return ordered

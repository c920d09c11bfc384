"""Which tensors of a batch a pair gets, by their places or names."""

from collections.abc import Callable, Sequence
from operator import index
from typing import Any

from torch import Tensor

from ..errors import ConfigError

Column = int | str
Columns = Column | Sequence[Column]
"""Places (from 0) or names of tensors, in the order in which the pair gets them."""

Transform = Callable[..., Tensor | tuple[Tensor, ...]]
"""Called as `transform(*tensors)` on each batch."""


def as_list(columns: Columns) -> list[Column]:
    """The columns one by one.

    Raises:
        ConfigError: There are none, or one is neither a place nor a name.
    """
    if isinstance(columns, str) or not isinstance(columns, Sequence):
        return [_column(columns)]
    found = [_column(each) for each in columns]
    if not found:
        raise ConfigError("columns is empty; name one tensor of a batch or more, or leave it out")
    return found


def positions(columns: Columns, count: int, names: Sequence[str] = ()) -> list[int]:
    """The places of columns among `count` tensors of a batch.

    Args:
        columns: Places or names.
        count: Number of tensors.
        names: Of the tensors, where they have some.

    Raises:
        ConfigError: A column is not there.
    """
    found = []
    for column in as_list(columns):
        if isinstance(column, str):
            if column not in names:
                raise ConfigError(_absent(column, count, names))
            found.append(list(names).index(column))
        else:
            if not -count <= column < count:
                raise ConfigError(_absent(column, count, names))
            found.append(column % count)
    return found


def _column(value: Any) -> Column:  # noqa: ANN401
    if isinstance(value, str):
        return value
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)
    except TypeError as error:
        raise ConfigError(
            f"columns holds {value!r}, needs places (0, 1, ...) or names of tensors of a batch"
        ) from error


def _absent(column: Column, count: int, names: Sequence[str]) -> str:
    if names:
        return f"columns: {column!r} is not among {list(names)}; give one of these, or its place"
    held = "1 tensor" if count == 1 else f"{count} tensors"
    return (
        f"columns: {column!r} is asked for, and batches hold {held} without names; give places "
        f"from 0 to {count - 1}"
    )

"""What loaders and sources yield, as tuples of tensors."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import DataError
from .columns import Columns, positions
from .conversion import as_tensor


def as_batch(where: str, item: Any, columns: Columns | None = None) -> tuple[Tensor, ...]:  # noqa: ANN401
    """The tensors of a batch: of a dict its values, in its order.

    Args:
        where: What yields it, for messages.
        item: A tensor or an array, or a tuple, a list or a dict of these.
        columns: Which are kept; None is all.

    Raises:
        DataError: It is something else.
        ConfigError: A column is not there.
    """
    names = tuple(map(str, item)) if isinstance(item, Mapping) else ()
    parts = list(item.values()) if isinstance(item, Mapping) else item
    if isinstance(parts, Tensor | np.ndarray):
        parts = (parts,)
    if not isinstance(parts, tuple | list) or not parts:
        raise DataError(_bad(where, item))
    if columns is not None:
        parts = [parts[place] for place in positions(columns, len(parts), names)]
    if not all(isinstance(part, Tensor | np.ndarray) for part in parts):
        raise DataError(_bad(where, item))
    return tuple(as_tensor(f"{where}: a batch", part) for part in parts)


def names_of(item: Any, columns: Columns | None = None) -> tuple[str, ...]:  # noqa: ANN401
    """The names of the tensors of `as_batch`: of a dict its keys, else none."""
    if not isinstance(item, Mapping):
        return ()
    names = tuple(map(str, item))
    if columns is None:
        return names
    return tuple(names[place] for place in positions(columns, len(names), names))


def same_rows(where: str, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The batch, whose tensors have equally many rows.

    Raises:
        DataError: They have not, or there is no row.
    """
    shapes = [list(tensor.shape) for tensor in batch]
    sizes = [shape[0] if shape else 0 for shape in shapes]
    if len(set(sizes)) != 1 or sizes[0] == 0:
        raise DataError(
            f"{where} yields tensors of shapes {shapes}; give one row per datum in each, and at "
            "least one row"
        )
    return batch


def _bad(where: str, item: object) -> str:
    got = type(item).__name__
    if isinstance(item, Mapping):
        got += f" of { {str(name): type(part).__name__ for name, part in item.items()} }"
    elif isinstance(item, tuple | list):
        got += f" of {[type(part).__name__ for part in item]}"
    return (
        f"{where} yields {got}, needs a tensor, or a tuple or a dict of tensors (columns= picks "
        "some); set its collate_fn to return these"
    )

"""Rows of arrays that lie in a file and are read as they are needed."""

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ..conversion import as_tensor
from .base import Rows


class MappedRows(Rows):
    """Rows of a memory-mapped array, copied row by row.

    Args:
        where: What it is, for messages.
        array: [N, ...], such as `np.load(path, mmap_mode="r")`.

    Raises:
        DataError: The array does not hold numbers, or is a single one.
    """

    reads_ahead = True

    def __init__(self, where: str, array: np.ndarray) -> None:
        if array.ndim == 0:
            raise DataError(f"{where} is a single number, needs an array [N, ...]")
        self._where, self._array = where, array
        as_tensor(where, np.empty(0, array.dtype))  # the type is refused before a row is read

    def __len__(self) -> int:
        return len(self._array)

    @property
    def width(self) -> int:
        """One."""
        return 1

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        if isinstance(rows, slice):
            return (as_tensor(self._where, np.array(self._array[rows])),)
        order = rows.argsort()  # along the file
        found = as_tensor(self._where, np.array(self._array[rows[order].numpy()]))
        made = torch.empty_like(found)
        made[order] = found
        return (made,)


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array is, or is a view of, a memory-mapped file."""
    held: object = array
    while isinstance(held, np.ndarray):
        if isinstance(held, np.memmap):
            return True
        held = held.base
    return False

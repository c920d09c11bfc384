"""Rows of HDF5 datasets, read as they are needed."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ..conversion import as_tensor
from .base import Rows

if TYPE_CHECKING:
    import h5py


class HDF5Rows(Rows):
    """Rows of an `h5py.Dataset`, whose file stays open.

    Rows are read in the order of the file. Where they are shuffled, each batch reads all chunks
    that hold one of its rows, so chunks of few rows are read fastest.

    Args:
        dataset: [N, ...].

    Raises:
        DataError: The dataset does not hold numbers, or is a single one.
    """

    reads_ahead = True

    def __init__(self, dataset: "h5py.Dataset") -> None:
        self._where, self._dataset = f"the HDF5 dataset {dataset.name}", dataset
        if not dataset.shape:
            raise DataError(f"{self._where} has no rows, needs an array [N, ...]")
        as_tensor(self._where, np.empty(0, dataset.dtype))  # refused before a row is read

    def __len__(self) -> int:
        return int(self._dataset.shape[0])

    @property
    def width(self) -> int:
        """One."""
        return 1

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        if isinstance(rows, slice):
            return (as_tensor(self._where, self._dataset[rows]),)
        ascending, places = torch.unique(rows, sorted=True, return_inverse=True)
        found = as_tensor(self._where, self._read(ascending.numpy()))
        return (found[places],)

    def _read(self, ascending: np.ndarray) -> np.ndarray:
        """Rows that follow each other at once, others alone: h5py is slow on lists of rows."""
        found = np.empty((len(ascending), *self._dataset.shape[1:]), self._dataset.dtype)
        begins = np.flatnonzero(np.diff(ascending, prepend=-2) != 1).tolist()
        for begin, end in zip(begins, [*begins[1:], len(ascending)], strict=False):
            first = int(ascending[begin])
            found[begin:end] = self._dataset[first : first + end - begin]
        return found

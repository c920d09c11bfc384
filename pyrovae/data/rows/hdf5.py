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
        if len(rows) == 0:
            return (as_tensor(self._where, self._dataset[:0]),)
        ascending, places = torch.unique(rows, sorted=True, return_inverse=True)
        found = as_tensor(self._where, self._dataset[ascending.numpy()])
        return (found[places],)

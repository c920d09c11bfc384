"""Rows of a file by their places in it, through a map that the system reads row by row."""

import mmap
import os
import warnings
import weakref

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ..conversion import as_tensor

_ASKED = 2  # rows of a batch that are asked for, to see whether the others are in memory


class MappedFile:
    """Rows that lie in a file in equal distances, each in one piece.

    Rows that the system holds in memory are copied from there, all at once and without Python's
    lock, so that training goes on meanwhile. Of others the disk is told all places before the
    first is waited for: it works on them together, which takes a fraction of the time.

    Args:
        where: What it is, for messages.
        file: Descriptor to read from; the caller closes it.
        like: [N, ...], of the same rows.
        start: Where row 0 begins in the file, in bytes.
    """

    def __init__(self, where: str, file: int, like: np.ndarray, start: int) -> None:
        self._where, self._file = where, os.dup(file)
        weakref.finalize(self, os.close, self._file)
        self._start, self._step = start, like.strides[0]
        self._bytes = like[0].nbytes
        self._rows = len(like)
        self._map = mmap.mmap(file, 0, access=mmap.ACCESS_READ)
        if hasattr(mmap, "MADV_RANDOM"):
            self._map.madvise(mmap.MADV_RANDOM)
        self._array = np.ndarray(like.shape, like.dtype, self._map, start, like.strides)
        self._tensor = _viewed(self._array)

    def take(self, rows: Tensor) -> Tensor:
        """Copies [B, ...] of some rows, given by an index tensor [B].

        Raises:
            DataError: The file ends before one of them.
        """
        self._check_size(rows)
        self._announce(rows)
        if self._tensor is not None:
            return self._tensor.index_select(0, rows)
        return as_tensor(self._where, self._array[rows.numpy()])

    def _check_size(self, rows: Tensor) -> None:
        """Refuse a file that was made shorter: to touch what is gone would end the process."""
        size = os.fstat(self._file).st_size
        if size >= self._start + (self._rows - 1) * self._step + self._bytes or not len(rows):
            return
        last = int(rows.max())
        if size < self._start + last * self._step + self._bytes:
            raise DataError(f"{self._where}: the file ended before row {last}; write it again")

    def _announce(self, rows: Tensor) -> None:
        """Let the disk begin to read rows that are not in memory."""
        if not hasattr(os, "posix_fadvise") or not hasattr(os, "RWF_NOWAIT"):
            return
        if all(self._is_in_memory(row) for row in rows[:_ASKED].tolist()):
            return
        for row in rows.sort().values.tolist():  # along the file
            place = self._start + row * self._step
            os.posix_fadvise(self._file, place, self._bytes, os.POSIX_FADV_WILLNEED)

    def _is_in_memory(self, row: int) -> bool:
        """Whether a byte of a row can be had at once."""
        place = self._start + row * self._step
        try:
            os.preadv(self._file, [bytearray(1)], place, os.RWF_NOWAIT)
        except BlockingIOError:
            return False
        except OSError:  # the file system does not say
            return True
        return True


def _viewed(array: np.ndarray) -> Tensor | None:
    """A tensor over the same memory, not to be written; None where torch cannot have it."""
    of_torch = (array.dtype.kind in "bif" and array.itemsize <= 8) or array.dtype == np.uint8
    if not of_torch or not array.dtype.isnative or not array.flags.aligned:
        return None
    if any(step < 0 or step % array.itemsize for step in array.strides):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it cannot be written; rows of it are copied
        return torch.from_numpy(array)

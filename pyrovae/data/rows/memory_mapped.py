"""Rows of arrays that lie in a file and are read as they are needed."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ..conversion import as_tensor
from .base import Rows
from .mapped_file import MappedFile


class MappedRows(Rows):
    """Rows of a memory-mapped array.

    Slices are copied from the array. Single rows, where they lie in the file in one piece, come
    from a map of its own, of which the system reads these rows only: through the given one it
    would read far more.

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
        self._file = _opened(where, array)

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
        if self._file is not None:
            return (self._file.take(rows),)
        order = rows.argsort()  # along the file
        found = as_tensor(self._where, np.array(self._array[rows[order].numpy()]))
        made = torch.empty_like(found)
        made[order] = found
        return (made,)


def is_mapped(array: np.ndarray) -> bool:
    """Whether an array is, or is a view of, a memory-mapped file."""
    return _mapped(array) is not None


def _mapped(array: np.ndarray) -> np.memmap | None:
    held: object = array
    found = None
    while isinstance(held, np.ndarray):
        if isinstance(held, np.memmap):
            found = held  # the last one is the whole file's
        held = held.base
    return found


def _opened(where: str, array: np.ndarray) -> MappedFile | None:
    """The file that an array is mapped from; None where rows are not in one piece there."""
    whole = _mapped(array)
    if whole is None or not whole.filename or whole.mode == "c":
        return None
    if not len(array) or array.strides[0] < 0 or not array[0].flags.c_contiguous:
        return None
    try:
        file = os.open(whole.filename, os.O_RDONLY)
    except OSError:  # it was removed, and its content lives as long as the array
        return None
    try:
        if not _is_mapped_from(os.fstat(file), _address(whole)):  # another one has its name now
            return None
        return MappedFile(where, file, array, whole.offset + _address(array) - _address(whole))
    finally:
        os.close(file)


def _is_mapped_from(file: os.stat_result, address: int) -> bool:
    """Whether the memory at an address is a map of this file; False where the system says nothing.

    Linux lists the maps of a process as "start-end mode offset major:minor inode path", where the
    numbers but the inode are in base 16. A mapped file keeps its inode after it was replaced.
    """
    try:
        maps = Path("/proc/self/maps").read_bytes().splitlines()
    except OSError:
        return False
    for line in maps:
        place, _, _, device, inode, *_ = line.split(maxsplit=5)
        start, end = (int(number, 16) for number in place.split(b"-"))
        if start <= address < end:
            major, minor = (int(number, 16) for number in device.split(b":"))
            return (int(inode), os.makedev(major, minor)) == (file.st_ino, file.st_dev)
    return False


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])

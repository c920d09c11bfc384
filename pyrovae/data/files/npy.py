"""Arrays of `.npy` files, mapped into memory."""

import math
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy_format

from ...errors import DataError, first_line

SMALL = 2**30  # bytes; an array up to this size is read at once
_HEADERS = {
    (1, 0): npy_format.read_array_header_1_0,
    (2, 0): npy_format.read_array_header_2_0,
}


def read_npy(path: Path) -> np.ndarray:
    """The array of a file; one beyond 1 GiB is mapped, so that its rows are read when needed.

    Raises:
        DataError: The file is damaged, shorter than its header says, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            shape, dtype = check_header(file, str(path), path.stat().st_size)
        if math.prod(shape) == 0:
            return np.empty(shape, dtype)
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise damaged(str(path), error) from error
    return mapped if mapped.nbytes > SMALL else np.array(mapped)


def check_header(file: IO[bytes], where: str, size: int) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array, whose bytes are there.

    Args:
        file: At its beginning.
        where: Its name, for messages.
        size: Bytes of the file.

    Raises:
        DataError: It is shorter than its header says, or holds Python objects.
        ValueError: It is no such file.
    """
    version = npy_format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"format version {version}")
    shape, _, dtype = _HEADERS[version](file)
    if dtype.hasobject:
        raise DataError(
            f"{where} holds Python objects, which are not read; write it again with numpy.save "
            "from an array of numbers"
        )
    declared, held = math.prod(shape) * dtype.itemsize, size - file.tell()
    if min(shape, default=0) < 0 or declared > held:
        raise DataError(
            f"{where} is damaged: its header says {dtype} of shape {list(shape)}, {declared:,} "
            f"bytes, and {held:,} are there; write it again"
        )
    return shape, dtype


def damaged(where: str, error: Exception) -> DataError:
    """An error that says so."""
    if isinstance(error, DataError):
        return error
    return DataError(
        f"{where} is damaged or of another format than its name says ({first_line(error)}); "
        "write it again"
    )

"""Arrays of `.npz` files."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from .npy import check_header, damaged

_LARGEST_RATIO = 1100  # deflate makes no block smaller than 1/1032 of its content


def read_npz(path: Path) -> dict[str, Any]:
    """The arrays of a file by name; of one that scipy wrote, its sparse matrix.

    Raises:
        DataError: The file is damaged, a part is shorter than its header says, or it holds Python
            objects.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            for part in archive.infolist():
                _check(archive, part, path)
        with path.open("rb") as file:
            held = dict(np.load(file, allow_pickle=False))
        if {"format", "shape", "data"} <= set(held):
            from scipy import sparse

            return {"matrix": sparse.load_npz(path)}
        return held
    except (OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile) as error:
        raise damaged(str(path), error) from error


def _check(archive: zipfile.ZipFile, part: zipfile.ZipInfo, path: Path) -> None:
    if part.file_size > _LARGEST_RATIO * part.compress_size:
        raise DataError(
            f"{path} is damaged: '{part.filename}' says {part.file_size:,} bytes, which "
            f"{part.compress_size:,} compressed ones cannot hold; write it again"
        )
    with archive.open(part) as file:
        check_header(file, f"{path}: {part.filename}", part.file_size)

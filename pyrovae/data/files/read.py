"""Data of files, whatever their format."""

import re
from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any

from ...errors import DataError
from .hdf5 import read_hdf5
from .names import Role, Split, arrange
from .npy import read_npy
from .npz import read_npz
from .tables import read_csv, read_parquet
from .torch_file import read_torch

_HDF5 = (".h5", ".hdf5")
_READERS: dict[str, Callable[[Path], Any]] = {
    ".npy": read_npy, ".npz": read_npz, ".pt": read_torch, ".pth": read_torch,
    ".csv": read_csv, ".tsv": read_csv, ".parquet": read_parquet,
}  # fmt: skip


def read_file(path: str | PathLike[str]) -> Any:  # noqa: ANN401
    """What a file holds: an array, a tensor, a data frame, or a dict of these.

    Large `.npy` files are mapped into memory, and HDF5 files stay open, so that rows are read when
    they are needed. `file.h5:/name` is one dataset, or the datasets of one group. Nothing is
    unpickled.

    Raises:
        DataError: The file is missing or damaged, or its format is unknown.
        ConfigError: The library that reads the format is not installed.
    """
    file, inner = _within(path)
    known = ", ".join([*_READERS, *_HDF5])
    if not file.is_file():
        wrong = f"there is no file {file.absolute()}"
        if file.is_dir():
            wrong = f"{file.absolute()} is a folder"
        raise DataError(f"{wrong}; give the path of a file ({known})")
    suffix = file.suffix.lower()
    if suffix in _HDF5:
        return read_hdf5(file, inner)
    if suffix not in _READERS:
        raise DataError(
            f"{file} is none of {known}; write it as one of these, such as by numpy.save, or read "
            "it yourself and give the array"
        )
    return _READERS[suffix](file)


def roles_of_split(path: str | PathLike[str], split: Split) -> list[Role]:
    """Which of x and y a file holds of a split, by the names of its arrays.

    Raises:
        DataError: The file is missing or damaged.
    """
    file, _ = _within(path)
    if file.suffix.lower() not in (".npz", ".pt", ".pth", *_HDF5):
        return []  # the format has no names of arrays
    held = read_file(path)
    arranged = (arrange(held) if isinstance(held, dict) else None) or {}
    return sorted(arranged.get(split, {}))


def _within(path: str | PathLike[str]) -> tuple[Path, str | None]:
    """A file, and the name within it that follows the colon."""
    text, inner = str(path), None
    within = re.match(r"(.+\.(?:h5|hdf5)):(.+)$", text, re.IGNORECASE)
    if within:
        text, inner = within.groups()
    return Path(text).expanduser(), inner

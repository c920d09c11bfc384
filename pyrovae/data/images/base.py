"""Reads image files, which may be missing or damaged, into a data set of levels."""

import zipfile
import zlib
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import torch
from torch import Tensor

from ...errors import DataError, first_line
from ..base import Dataset, Split, partition

Loaded = TypeVar("Loaded")

# Errors that readers and downloads raise on damaged files; a failed connection is an OSError.
BROKEN = (
    *(AssertionError, EOFError, KeyError, OSError, RuntimeError, TypeError, ValueError),
    *(zlib.error, zipfile.BadZipFile),
)


def from_levels(
    name: str,
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    *,
    unit: bool,
    val_size: int,
    seed: int,
) -> Dataset:
    """A data set of float32 levels 0..255, or in [0, 1], with `val` taken from the training rows.

    Args:
        name: Name of the set.
        train: Levels [N, C, H, W] uint8 and labels [N].
        test: The same; its order is kept.
        unit: Scale levels to [0, 1].
        val_size: Number of rows of `train` that become `val`.
        seed: Seed of the choice of these rows.
    """
    scale = 255 if unit else 1
    kept, held, _ = partition(name, len(train[0]), (val_size, 0), seed)
    splits = [
        Split(x.to(torch.float32).div_(scale).contiguous(), y.to(torch.int64))
        for x, y in ((train[0][kept], train[1][kept]), (train[0][held], train[1][held]), test)
    ]
    info = {"binarize": "none", "levels": 256, "unit": unit, "seed": seed}
    return Dataset(name, splits[0], splits[1], splits[2], info)


def torchvision_datasets(name: str) -> ModuleType:
    """`torchvision.datasets`, imported here only: a broken torchvision affects nothing else."""
    try:
        return import_module("torchvision.datasets")
    except (ImportError, OSError, RuntimeError) as error:
        raise DataError(
            f"{name}: torchvision reads this set and cannot be imported ({_described(error)}); "
            f"install the torchvision built for torch {torch.__version__}, or give the images to "
            "pyrovae.data.arrays"
        ) from error


def read(name: str, path: Path, reader: Callable[[Path], Loaded]) -> Loaded:
    """`reader(path)`; the error names the file if it is missing or damaged."""
    if not path.is_file():
        raise DataError(_missing(name, path))
    try:
        return reader(path)
    except BROKEN as error:
        raise DataError(
            f"{name}: {path} is damaged or cut short ({_described(error)}); "
            "delete it and download it again"
        ) from error


def build(
    name: str,
    construct: Callable[[], Loaded],
    files: Sequence[tuple[Path, str]],
    *,
    download: bool,
) -> Loaded:
    """`construct()`; the error names the first of `files` that is missing or damaged.

    Args:
        name: Name of the set.
        construct: Makes the torchvision set.
        files: The files that it reads, each with its MD5 sum.
        download: Whether `construct` downloads missing files.
    """
    try:
        return construct()
    except BROKEN as error:
        for path, md5 in files if not download else ():
            if not path.is_file():
                raise DataError(_missing(name, path)) from error
            if not import_module("torchvision.datasets.utils").check_integrity(path, md5):
                raise DataError(
                    f"{name}: {path} is damaged, its checksum is not {md5}; "
                    "delete it and pass download=True"
                ) from error
        verb = "downloaded" if download else "read"
        raise DataError(
            f"{name}: the set could not be {verb} ({_described(error)}); check the connection "
            "and the disk, delete incomplete files, or put the files there by hand"
        ) from error


def _missing(name: str, path: Path) -> str:
    return (
        f"{name}: there is no file {path}; pass download=True to download it, or as root= the "
        "folder that holds the set"
    )


def _described(error: BaseException) -> str:
    return f"{type(error).__name__}: {first_line(error)}"

"""Datasets of HDF5 files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigError, DataError
from .npy import damaged


def read_hdf5(path: Path, inner: str | None) -> dict[str, Any]:
    """The datasets of a file, or of one of its groups, by name; the file stays open.

    Args:
        path: Of the file.
        inner: Name of a group or of a dataset in the file; None is all.

    Raises:
        ConfigError: h5py is not installed.
        DataError: The file is damaged, or has no such group or dataset.
    """
    try:
        import h5py
    except ImportError as error:
        raise ConfigError(
            f"{path} is read by h5py, which is not installed; run pip install 'pyrovae[data]'"
        ) from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise damaged(str(path), error) from error
    if inner is None:
        return datasets(file)
    inner = inner.strip("/")
    held = file.get(inner)
    if held is None:
        raise DataError(f"{path} has no '{inner}'; it holds {sorted(datasets(file))}")
    return datasets(held) if isinstance(held, Mapping) else {inner: held}


def datasets(group: Any) -> dict[str, Any]:  # noqa: ANN401
    """All datasets of an `h5py.Group`, by their names within it."""
    found: dict[str, Any] = {}
    for name, held in group.items():
        if isinstance(held, Mapping):
            found |= {f"{name}/{inner}": each for inner, each in datasets(held).items()}
        else:
            found[name] = held
    return found

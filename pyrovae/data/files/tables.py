"""Data frames of `.csv` and `.parquet` files."""

import csv
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ...errors import ConfigError
from .npy import damaged


def read_csv(path: Path) -> Any:  # noqa: ANN401
    """A frame of pandas, or of polars where pandas is not installed.

    The first line is the columns' names, unless it holds numbers alone. A first column without a
    name is the row numbers that pandas writes, and is left out.

    Raises:
        ConfigError: Neither pandas nor polars is installed.
        DataError: The file is damaged.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            line = file.readline()
        separator = (
            "\t" if path.suffix == ".tsv" else ";" if ";" in line and "," not in line else ","
        )
        first = next(csv.reader([line], delimiter=separator), [])
        named, numbered = not all(map(_is_number, first)), first[:1] == [""]
        library = _library("pandas", "polars", path)
        if library.__name__ == "polars":
            frame = library.read_csv(
                path, separator=separator, has_header=named, infer_schema_length=None
            )
            return frame.drop(frame.columns[0]) if numbered else frame
        options = {"header": 0 if named else None, "index_col": 0 if numbered else None}
        return library.read_csv(path, sep=separator, **options)
    except (OSError, ValueError, csv.Error) as error:  # those of pandas are ValueErrors
        if isinstance(error, ConfigError):
            raise
        raise damaged(str(path), error) from error


def read_parquet(path: Path) -> Any:  # noqa: ANN401
    """A frame of pandas, or of polars where pandas with pyarrow is not installed.

    Raises:
        ConfigError: Neither is installed.
        DataError: The file is damaged.
    """
    try:
        import_module("pyarrow")
        names = ("pandas", "polars")
    except ImportError:
        names = ("polars", "polars")
    library = _library(*names, path)
    try:
        return library.read_parquet(path)
    except (OSError, ValueError) as error:  # those of pyarrow are ValueErrors
        raise damaged(str(path), error) from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _library(one: str, other: str, path: Path) -> ModuleType:
    for name in (one, other):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise ConfigError(
        f"{path} is read by pandas (with pyarrow) or polars, which are not installed; run pip "
        "install 'pyrovae[data]'"
    )

"""Data frames of `.csv` and `.parquet` files."""

import csv
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from ...errors import ConfigError
from .npy import damaged


def read_csv(path: Path) -> Any:  # noqa: ANN401
    """A frame of pandas, or of polars where pandas is not installed.

    Values are separated by commas, tabs or semicolons. The first line is the columns' names,
    unless it holds numbers alone. A first column without a name is the row numbers that pandas
    writes, and is left out.

    Raises:
        ConfigError: Neither pandas nor polars is installed.
        DataError: The file is damaged.
    """
    library = _first_of(["pandas", "polars"], path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            line = file.readline()
        separator = next((sign for sign in ",\t;" if sign in line), ",")
        first = next(csv.reader([line], delimiter=separator), [])
        named, numbered = not all(map(_is_number, first)), first[:1] == [""]
        if library.__name__ == "polars":
            frame = library.read_csv(
                path, separator=separator, has_header=named, infer_schema_length=None
            )
            return frame.drop(frame.columns[0]) if numbered else frame
        with warnings.catch_warnings():
            warnings.simplefilter("error", library.errors.ParserWarning)  # of uneven lines
            return library.read_csv(
                path,
                sep=separator,
                header=0 if named else None,
                index_col=0 if numbered else False,
            )
    except _errors(library) as error:
        raise damaged(str(path), error) from error


def read_parquet(path: Path) -> Any:  # noqa: ANN401
    """A frame of pandas, or of polars where pandas with pyarrow is not installed.

    Raises:
        ConfigError: Neither is installed.
        DataError: The file is damaged.
    """
    library = _first_of(["pandas", "polars"] if _is_installed("pyarrow") else ["polars"], path)
    try:
        return library.read_parquet(path)
    except _errors(library) as error:
        raise damaged(str(path), error) from error


def _errors(library: ModuleType) -> tuple[type[Exception], ...]:
    """What reading raises; errors of pandas and pyarrow are ValueErrors or OSErrors."""
    own = (library.exceptions.PolarsError,) if library.__name__ == "polars" else ()
    return (OSError, ValueError, csv.Error, Warning, *own)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _first_of(names: list[str], path: Path) -> ModuleType:
    for name in names:
        if _is_installed(name):
            return import_module(name)
    raise ConfigError(
        f"{path} is read by pandas (with pyarrow) or polars, which are not installed; run pip "
        "install 'pyrovae[data]'"
    )


def _is_installed(name: str) -> bool:
    try:
        import_module(name)
    except ImportError:
        return False
    return True

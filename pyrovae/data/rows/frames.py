"""Numbers of pandas and polars data frames."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from ...errors import ConfigError, DataError
from ..columns import Column, Columns, as_list
from ..conversion import from_numpy
from ..loaded import is_a

Read = Callable[[str, Any, bool], np.ndarray]


def is_frame(data: object) -> bool:
    """Whether something is a data frame, or a series, of pandas or of polars."""
    names = "DataFrame", "Series"
    return is_a(data, "pandas", *names) or is_a(data, "polars", *names)


def frame_tensor(
    where: str,
    frame: Any,  # noqa: ANN401
    columns: Columns | None = None,
    *,
    missing: bool = False,
) -> Tensor:
    """The columns of a frame as one tensor [N, D]; a series, or one named column, as [N].

    Whole numbers and truth values keep their kind where all columns are of it.

    Args:
        where: What it is, for messages.
        frame: Of pandas or polars.
        columns: Names, or places, of the columns that are kept, in this order; None is all.
        missing: Missing values become NaN; else they are refused.

    Raises:
        DataError: A column holds something other than numbers, or a value is missing.
        ConfigError: A column is not there.
    """
    read: Read = _of_pandas if is_a(frame, "pandas", "DataFrame", "Series") else _of_polars
    if is_a(frame, "pandas", "Series") or is_a(frame, "polars", "Series"):
        return _tensor(where, read(f"{where}: column {frame.name!r}", frame, missing))
    names = list(frame.columns)
    picked = names if columns is None else [_name(each, names) for each in as_list(columns)]
    if len(set(names)) < len(names):
        raise DataError(f"{where}: two columns have one name; rename them")
    if not picked:
        raise DataError(f"{where}: a frame without columns; give one or more")
    found = [read(f"{where}: column {name!r}", frame[name], missing) for name in picked]
    if columns is not None and (isinstance(columns, str) or not isinstance(columns, Sequence)):
        return _tensor(where, found[0])
    return _tensor(where, _side_by_side(where, picked, found))


def frame_columns(frame: Any, columns: Columns | None = None) -> tuple[Any, ...]:  # noqa: ANN401
    """The names of the columns that `frame_tensor` takes, in its order; of a series none."""
    if is_a(frame, "pandas", "Series") or is_a(frame, "polars", "Series"):
        return ()
    names = list(frame.columns)
    return tuple(names if columns is None else [_name(each, names) for each in as_list(columns)])


def _name(column: Column, names: list[Any]) -> Any:  # noqa: ANN401
    if column in names:
        return column
    if isinstance(column, int) and -len(names) <= column < len(names):
        return names[column]
    raise ConfigError(f"columns: {column!r} is not among {names}; give one of these, or its place")


def _side_by_side(where: str, names: list[Any], found: list[np.ndarray]) -> np.ndarray:
    """[N, D], in the smallest kind that holds all columns."""
    kind = np.result_type(*{values.dtype for values in found})
    made = np.empty((len(found[0]), len(found)), kind)
    for place, (name, values) in enumerate(zip(names, found, strict=True)):
        made[:, place] = values
        if values.dtype.kind in "iu" and kind.kind == "f":
            if (made[:, place].astype(values.dtype) != values).any():
                raise DataError(
                    f"{where}: column {name!r} holds whole numbers that {kind} does not hold "
                    "exactly; give smaller numbers, or drop the column"
                )
    return made


def _tensor(where: str, values: np.ndarray) -> Tensor:
    tensor = from_numpy(where, values)
    return tensor.bool() if values.dtype == np.bool_ else tensor


def _of_pandas(where: str, series: Any, missing: bool) -> np.ndarray:  # noqa: ANN401
    from pandas.api import types

    dtype = series.dtype
    is_number = types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype)
    is_number = is_number and not is_a(dtype, "pandas", "CategoricalDtype")
    if not is_number or types.is_complex_dtype(dtype) or dtype.kind == "O":
        raise DataError(_no_numbers(where, str(dtype), "pandas.get_dummies or pandas.to_numeric"))
    if is_a(dtype, "pandas", "SparseDtype"):
        series = series.sparse.to_dense()
        dtype = series.dtype
    absent = series.isna().to_numpy(bool)
    if absent.any():
        _check_missing(where, absent, missing)
        return series.to_numpy(np.float64, na_value=np.nan)
    if isinstance(dtype, np.dtype):
        return series.to_numpy()
    kind = np.dtype(dtype.numpy_dtype)  # of pandas' own types and those of pyarrow
    return series.to_numpy(kind if kind.kind in "biuf" else np.float64)


def _of_polars(where: str, series: Any, missing: bool) -> np.ndarray:  # noqa: ANN401
    import polars

    if not series.dtype.is_numeric() and series.dtype != polars.Boolean:
        raise DataError(_no_numbers(where, str(series.dtype), "to_dummies or cast"))
    if series.dtype.is_decimal():
        series = series.cast(polars.Float64)
    if str(series.dtype) in ("Int128", "UInt128"):  # numpy has no such type
        whole = series.cast(polars.Int64, strict=False)
        beyond = series.filter(whole.is_null() & series.is_not_null())
        if len(beyond):
            raise DataError(
                f"{where} holds {beyond[0]}, and integers are kept up to {2**63 - 1}; give "
                "floats, or smaller numbers"
            )
        series = whole
    absent = series.is_null()
    if series.dtype.is_float():
        absent = absent | series.is_nan().fill_null(True)
    if absent.any():
        _check_missing(where, absent.to_numpy(), missing)
        return series.cast(polars.Float64).fill_null(float("nan")).to_numpy()
    return series.to_numpy()


def _check_missing(where: str, absent: np.ndarray, missing: bool) -> None:
    if not missing:
        raise DataError(
            f"{where}: {int(absent.sum())} of {len(absent)} values are missing, the first in row "
            f"{int(absent.argmax())}; fill or drop them, or pass the frame to "
            "pyrovae.data.arrays(..., missing=True), or --data.missing true, which "
            "takes them as missing"
        )


def _no_numbers(where: str, dtype: str, ways: str) -> str:
    return (
        f"{where} is of type {dtype}, and needs numbers or truth values; encode it ({ways}), or "
        "leave it out by columns= (--data.columns)"
    )

"""Rows of whatever a user has."""

from collections.abc import Mapping, Sequence, Sized
from os import PathLike
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, Subset, TensorDataset

from ...errors import DataError
from ..base import Split
from ..columns import Columns, positions
from ..conversion import as_tensor, from_list
from ..files import datasets, read_file
from ..loaded import is_a
from .base import Rows
from .file_parts import file_parts
from .frames import frame_columns, frame_tensor, is_frame
from .hdf5 import HDF5Rows
from .items import ItemRows, MapStyle, stacked
from .joined import side_by_side
from .memory_mapped import MappedRows, is_mapped
from .sparse import SparseRows, is_scipy, is_sparse
from .sparse_split import SparseSplit
from .tensors import TensorRows


@runtime_checkable
class Arrayable(Protocol):
    """An array of another library."""

    def __array__(self) -> np.ndarray: ...


def find_rows(
    data: Any,  # noqa: ANN401
    where: str = "data",
    columns: Columns | None = None,
    split: Literal["train", "val", "test"] = "train",
) -> Rows | None:
    """Rows of any kind of data; None of a kind that is read in one order only.

    Args:
        data: Tensors, arrays, data frames, sparse matrices, lists, tuples and dicts of these, a
            split, a map-style dataset, the path of a file.
        where: What it is, for messages.
        columns: Which tensors are kept, or which columns of a data frame; None is all.
        split: Which is taken of a file that holds several.

    Raises:
        DataError: It holds something other than numbers, has no rows, or its tensors differ in
            their numbers of rows.
        ConfigError: A column is not there.
    """
    if isinstance(data, str | PathLike):
        held = read_file(data)
        where = f"{where} ({data})"
        if isinstance(held, dict):
            rows: Rows | None = _named(where, file_parts(where, held, columns, split))
        else:
            rows = find_rows(held, where, columns)
    elif is_a(data, "h5py", "Group"):
        rows = _named(where, file_parts(where, datasets(data), columns, split))
    elif is_frame(data):
        rows = _frame_rows(where, data, columns)
    elif isinstance(data, Mapping) and not is_scipy(data):  # scipy's DOK is a dict
        names = list(map(str, data))
        places = range(len(names)) if columns is None else positions(columns, len(names), names)
        values = list(data.values())
        rows = _named(where, [(names[place], values[place]) for place in places])
    else:
        rows = _unnamed(where, data)
        if rows is not None and columns is not None:
            rows = rows.pick(positions(columns, rows.width, rows.names))
    if rows is not None and len(rows) == 0:
        raise DataError(f"{where}: {type(data).__name__} is empty; give at least one datum")
    return rows


def is_in_memory(dataset: TorchDataset[Any]) -> bool:
    """Whether a torch dataset is tensors, or rows of tensors."""
    whole = dataset.dataset if isinstance(dataset, Subset) else dataset
    return isinstance(whole, TensorDataset)


def _unnamed(where: str, data: Any) -> Rows | None:  # noqa: ANN401
    if isinstance(data, Rows):
        return data
    if isinstance(data, SparseSplit):
        return data.as_rows()
    if isinstance(data, Split):
        labelled = data.with_labels and data.y is not None
        tensors = [data.x, data.y] if labelled and data.y is not None else [data.x]
        return TensorRows(tensors, ["x", "y"][: len(tensors)])
    if isinstance(data, Tensor | np.ndarray | np.generic):
        return _array_rows(where, data)
    if is_a(data, "h5py", "Dataset"):
        return HDF5Rows(data)
    if is_scipy(data):
        return SparseRows.of_scipy(where, data)
    if isinstance(data, tuple) and not is_nested_tuple(data):
        return _several(where, [(f"{where}[{place}]", part) for place, part in enumerate(data)])
    if isinstance(data, TorchDataset):
        return None if isinstance(data, IterableDataset) else _dataset_rows(data)
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return TensorRows([_from_sequence(where, data)])
    if isinstance(data, Arrayable):
        return _array_rows(where, np.asarray(data))
    if isinstance(data, MapStyle) and not isinstance(data, str | bytes):
        return ItemRows(data)
    return None


def _frame_rows(where: str, frame: Any, columns: Columns | None) -> Rows:  # noqa: ANN401
    if columns is None and is_a(frame, "pandas", "DataFrame"):
        kinds = list(frame.dtypes)
        if kinds and all(is_a(k, "pandas", "SparseDtype") and k.fill_value == 0 for k in kinds):
            rows = SparseRows.of_scipy(where, frame.sparse.to_coo())
            rows.column_names = (frame_columns(frame),)
            return rows
    tensor = frame_tensor(where, frame, columns)
    return TensorRows([tensor], (), [frame_columns(frame, columns)])


def _array_rows(where: str, data: Tensor | np.ndarray | np.generic) -> Rows:
    if isinstance(data, Tensor) and is_sparse(data):
        return SparseRows.of_torch(where, data)
    if isinstance(data, np.ndarray) and is_mapped(data):
        return MappedRows(where, data)
    tensor = as_tensor(where, data)
    if tensor.ndim == 0:
        raise DataError(
            f"{where} is a single number, needs one row per datum; give an array [N, ...]"
        )
    return TensorRows([tensor])


def _named(where: str, parts: Sequence[tuple[str, Any]]) -> Rows:
    named = [(f"{where}[{name!r}]", part) for name, part in parts]
    return _several(where, named, [name for name, _ in parts])


def _several(where: str, parts: Sequence[tuple[str, Any]], names: Sequence[str] = ()) -> Rows:
    found = []
    for called, part in parts:
        # Within several, a tuple of numbers or of rows of numbers is a list of them.
        is_list = isinstance(part, tuple) and _is_nested_numbers(part)
        rows = find_rows(list(part) if is_list else part, called)
        if rows is None or rows.width > 1:
            raise DataError(
                f"{called} is {type(part).__name__}, needs an array or a tensor with one row per "
                "datum"
            )
        found.append(rows)
    if not found:
        raise DataError(f"{where} is empty; give at least one tensor")
    return side_by_side(where, found, names)


def is_nested_tuple(data: object) -> bool:
    """Whether something is rows of numbers in tuples throughout, which are one array."""
    if not isinstance(data, tuple) or not data:
        return False
    return all(isinstance(part, tuple) for part in data) and _is_nested_numbers(data, tuple)


def _is_nested_numbers(part: object, kind: Any = (list, tuple)) -> bool:  # noqa: ANN401
    if isinstance(part, kind):
        return all(_is_nested_numbers(each, kind) for each in part)
    return isinstance(part, bool | int | float | np.generic)


def _from_sequence(where: str, data: Sequence[Any]) -> Tensor:
    if data and isinstance(data[0], Tensor | np.ndarray):
        rows = [as_tensor(f"{where}[{place}]", row) for place, row in enumerate(data)]
        return stacked(where, rows)
    try:
        return from_list(where, data)
    except DataError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{where}: lists that are ragged or hold something other than numbers ({error}); "
            "give numbers only, in rows of one shape; of items such as (x, y) give a torch Dataset"
        ) from error


def _dataset_rows(dataset: TorchDataset[Any]) -> Rows:
    if isinstance(dataset, TensorDataset):
        return TensorRows(dataset.tensors)
    if isinstance(dataset, Subset) and isinstance(dataset.dataset, TensorDataset):
        places = torch.as_tensor(list(dataset.indices), dtype=torch.int64)
        return TensorRows([tensor[places] for tensor in dataset.dataset.tensors])
    if not isinstance(dataset, Sized):
        raise DataError(
            f"{type(dataset).__name__} has no length, and rows are taken by their number; give it "
            "a __len__, or make it an IterableDataset"
        )
    return ItemRows(dataset)

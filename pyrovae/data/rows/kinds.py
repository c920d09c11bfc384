"""Rows of whatever a user has."""

from collections.abc import Mapping, Sequence, Sized
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, Subset, TensorDataset

from ...errors import DataError
from ..base import Split
from ..conversion import as_tensor, from_list
from .base import Rows
from .items import ItemRows, stacked
from .joined import side_by_side
from .tensors import TensorRows


def find_rows(data: Any, where: str = "data") -> Rows | None:  # noqa: ANN401
    """Rows of any kind of data; None of a kind that is read in one order only.

    Args:
        data: Tensors, arrays, lists, tuples and dicts of these, a split, a map-style dataset.
        where: What it is, for messages.

    Raises:
        DataError: It holds something other than numbers, has no rows, or its tensors differ in
            their numbers of rows.
    """
    rows = _find(data, where)
    if rows is not None and len(rows) == 0:
        raise DataError(f"{where}: {type(data).__name__} is empty; give at least one datum")
    return rows


def _find(data: Any, where: str) -> Rows | None:  # noqa: ANN401
    if isinstance(data, Rows):
        return data
    if isinstance(data, Split):
        labelled = data.with_labels and data.y is not None
        return TensorRows([data.x, data.y] if labelled else [data.x], "xy" if labelled else "x")  # type: ignore[list-item]
    if isinstance(data, Tensor | np.ndarray | np.generic):
        return _tensor_rows(where, data)
    if isinstance(data, Mapping):
        return _columns(where, list(data.values()), [str(name) for name in data])
    if isinstance(data, tuple) and any(not _is_nested_numbers(part) for part in data):
        return _columns(where, data, ())
    if isinstance(data, Sequence) and not isinstance(data, str | bytes | TorchDataset):
        return TensorRows([_from_sequence(where, data)])
    if isinstance(data, TorchDataset) and not isinstance(data, IterableDataset):
        return _dataset_rows(data)
    return None


def _tensor_rows(where: str, data: Tensor | np.ndarray | np.generic) -> Rows:
    tensor = as_tensor(where, data)
    if tensor.ndim == 0:
        raise DataError(
            f"{where} is a single number, needs one row per datum; give an array [N, ...]"
        )
    return TensorRows([tensor])


def _columns(where: str, parts: Sequence[Any], names: Sequence[str]) -> Rows:
    found = []
    for place, part in enumerate(parts):
        called = f"{where}[{names[place]!r}]" if names else f"{where}[{place}]"
        rows = _find(part, called)
        if rows is None:
            raise DataError(
                f"{called} is {type(part).__name__}, needs an array or a tensor with one row per "
                "datum"
            )
        found.append(rows)
    if not found:
        raise DataError(f"{where} is empty; give at least one tensor")
    return side_by_side(where, found, names)


def _is_nested_numbers(part: object) -> bool:
    if isinstance(part, list | tuple):
        return all(map(_is_nested_numbers, part))
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
            "give numbers only, in rows of one shape"
        ) from error


def is_in_memory(dataset: TorchDataset[Any]) -> bool:
    """Whether a torch dataset is tensors, or rows of tensors."""
    whole = dataset.dataset if isinstance(dataset, Subset) else dataset
    return isinstance(whole, TensorDataset)


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

"""Whole tensors of any kind of data, with values of their own type or exact conversions."""

import math
import os
from collections.abc import Mapping, Sequence, Sized
from os import PathLike
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset
from torch.utils.data import Dataset as TorchDataset

from ..errors import DataError
from .base import Split
from .columns import Columns, as_list, positions
from .conversion import from_list, from_masked, from_numpy, from_tensor
from .entry import rows
from .files import arrange, datasets, read_file
from .loaded import is_a
from .minibatches import BatchSource
from .rows import (
    Arrayable,
    MapStyle,
    Rows,
    SparseRows,
    file_parts,
    frame_tensor,
    is_frame,
    is_scipy,
    is_sparse,
    stacked,
)

Parts = dict[str | None, list[Tensor]]
"""Tensors [N, ...] by split; None is data without splits."""


def whole_tensors(
    name: str,
    source: Any,  # noqa: ANN401
    *,
    missing: bool = False,
    columns: Columns | None = None,
) -> Parts:
    """The tensors of any kind of data: x, or x and y, or others where `columns` says so.

    Args:
        name: What it is, for messages.
        source: See `data.batches`.
        missing: In x, NaN and masked values are missing values; else they are refused, where their
            kind tells them from others.
        columns: Which tensors, or which columns of a data frame, are kept.

    Raises:
        DataError: It holds something other than numbers, is damaged, or takes too much memory.
        ConfigError: A column is not there.
    """
    if isinstance(source, str | PathLike):
        held = read_file(source)
        if not isinstance(held, dict):
            return whole_tensors(name, held, missing=missing, columns=columns)
        return _by_names(f"{name} ({source})", held, missing, columns, ordered=False)
    if is_a(source, "h5py", "Group"):
        return _by_names(name, datasets(source), missing, columns, ordered=False)
    if isinstance(source, Mapping) and not is_scipy(source):
        return _by_names(name, source, missing, columns, ordered=True)
    if is_frame(source):
        return {None: [frame_tensor(f"arrays: {name}", source, columns, missing=missing)]}
    parts = _parts(name, source, missing)
    if columns is not None:
        parts = [parts[place] for place in positions(columns, len(parts), ("x", "y"))]
    return {None: parts}


def whole_tensor(name: str, source: Any, missing: bool) -> Tensor:  # noqa: ANN401
    """One tensor of one array of any kind.

    Raises:
        DataError: It is something else.
    """
    where = f"arrays: {name}"
    if is_scipy(source) or (isinstance(source, Tensor) and is_sparse(source)):
        return _dense(where, source)
    if isinstance(source, Tensor):
        return from_tensor(where, source)
    if isinstance(source, np.ma.MaskedArray):
        return from_masked(where, source, missing)
    if isinstance(source, np.ndarray | np.generic):
        _check_size(where, source.nbytes)
        return from_numpy(where, np.asarray(source))
    if is_a(source, "h5py", "Dataset"):
        _check_size(where, source.nbytes)
        return from_numpy(where, source[()])
    if is_frame(source):
        return frame_tensor(where, source, missing=missing)
    if isinstance(source, Sequence) and not isinstance(source, str | bytes):
        return _of_sequence(name, source, missing)
    if isinstance(source, Arrayable):
        return from_numpy(where, np.asarray(source))
    raise DataError(
        f"{where} holds {type(source).__name__}, needs a numpy array, a tensor, nested lists, a "
        "data frame, a sparse matrix, a torch dataset or loader of these, or the path of a file"
    )


def _parts(name: str, source: Any, missing: bool) -> list[Tensor]:  # noqa: ANN401
    if isinstance(source, Split):
        return [source.x] if source.y is None else [source.x, source.y]
    if isinstance(source, Rows):
        return list(source[:])
    if isinstance(source, DataLoader | IterableDataset | BatchSource):
        return list(rows(source)[:])
    if isinstance(source, TorchDataset) or _has_items(source):
        return _of_items(name, source, missing)
    if isinstance(source, tuple):
        called = _called(name, len(source))
        return [
            whole_tensor(called[place], part, missing and not place)
            for place, part in enumerate(source)
        ]
    return [whole_tensor(name, source, missing)]


def _has_items(source: object) -> bool:
    is_array = isinstance(source, Arrayable | Tensor | Sequence) or is_scipy(source)
    return isinstance(source, MapStyle) and not is_array


def _called(name: str, count: int) -> list[str]:
    return [name, "y"] if count == 2 else [name, *(f"{name}[{i}]" for i in range(1, count))]


def _by_names(
    where: str,
    held: Mapping[Any, Any],
    missing: bool,
    columns: Columns | None,
    *,
    ordered: bool,
) -> Parts:
    """Of named arrays: by their names, or, where `ordered`, as x and y if there are two."""
    arranged = arrange(map(str, held))
    by_role = columns is None or all(column in ("x", "y") for column in as_list(columns))
    if arranged is None and columns is None and ordered and 0 < len(held) <= 2:
        return {None: _tensors(where, list(held.items()), missing)}
    if arranged is None or not by_role:
        return {None: _tensors(where, file_parts(where, held, columns, "train"), missing)}
    wanted = ["x", "y"] if columns is None else [str(column) for column in as_list(columns)]
    found: Parts = {}
    for split, roles in arranged.items():
        named = [(roles[r], held[roles[r]]) for r in wanted if r in roles]
        found[split] = _tensors(where, named, missing)
    return found


def _tensors(where: str, parts: Sequence[tuple[str, Any]], missing: bool) -> list[Tensor]:
    return [
        whole_tensor(f"{where}[{str(name)!r}]", part, missing and not place)
        for place, (name, part) in enumerate(parts)
    ]


def _of_sequence(name: str, source: Sequence[Any], missing: bool) -> Tensor:
    if source and isinstance(source[0], Tensor | np.ndarray):
        return stacked(name, [whole_tensor(name, row, missing) for row in source])
    try:
        return from_list(f"arrays: {name}", source)
    except DataError:
        raise
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"arrays: the lists of {name} are ragged or hold something other than numbers "
            f"({error}); give numbers only, in rows of one shape; of items such as (x, y) give a "
            "torch Dataset"
        ) from error


def _of_items(name: str, source: Any, missing: bool) -> list[Tensor]:  # noqa: ANN401
    length = len(source) if isinstance(source, Sized) else None
    if length is None:
        raise DataError(
            f"arrays: {type(source).__name__} has no length and cannot be split; give it a "
            "__len__, or make it an IterableDataset"
        )
    items = [_as_tuple(source[index]) for index in range(length)]
    widths = {len(item) for item in items}
    if len(widths) != 1:
        raise DataError(
            f"arrays: the items of {type(source).__name__} have {sorted(widths)} parts, need to "
            "be all of one number; wrap the dataset to give these"
        )
    names = _called(name, widths.pop())
    return [
        stacked(called, [_part(called, part, missing and called == name) for part in column])
        for called, column in zip(names, zip(*items, strict=True), strict=True)
    ]


def _as_tuple(item: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if isinstance(item, Mapping):
        return tuple(item.values())
    return tuple(item) if isinstance(item, tuple | list) else (item,)


def _part(name: str, part: Any, missing: bool) -> Tensor:  # noqa: ANN401
    if isinstance(part, int | float):
        return from_list(f"arrays: {name}", [part])[0]
    return whole_tensor(name, part, missing)


def _dense(where: str, source: Any) -> Tensor:  # noqa: ANN401
    _check_size(where, math.prod(source.shape) * source.dtype.itemsize)
    made = SparseRows.of_torch if isinstance(source, Tensor) else SparseRows.of_scipy
    return from_tensor(where, made(where, source)[:][0])


def _check_size(where: str, size: int) -> None:
    if size > _memory() / 2:
        raise DataError(
            f"{where} takes {size / 2**30:,.0f} GiB as a whole, and this machine has "
            f"{_memory() / 2**30:,.0f} GiB; give it to fit or to pyrovae.data.batches as it is, "
            "which read some rows at a time"
        )


def _memory() -> int:
    """Bytes of this machine; a guess where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 16 * 2**30

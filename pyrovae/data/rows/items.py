"""Rows of a map-style torch dataset."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ...errors import DataError
from ..conversion import as_tensor, check_whole
from .base import Rows


@runtime_checkable
class MapStyle(Protocol):
    """What a loader of torch takes as a map-style dataset."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...  # noqa: ANN401


class ItemRows(Rows):
    """Items of a dataset, read one by one.

    Args:
        dataset: Has a length; its items are a tensor, an array or a number, or a tuple, a list or
            a dict of these.

    Raises:
        DataError: The dataset is empty, or an item is of another kind.
    """

    is_fixed = False  # a dataset may draw, as augmented images are

    def __init__(self, dataset: MapStyle) -> None:
        self._dataset, self._length = dataset, len(dataset)
        self._what = type(dataset).__name__
        if self._length == 0:
            raise DataError(f"{self._what} is empty; give at least one datum")
        first = dataset[0]
        self.names = tuple(map(str, first)) if isinstance(first, Mapping) else ()
        self._width = len(parts_of(self._what, first))

    def __len__(self) -> int:
        return self._length

    @property
    def width(self) -> int:
        """Number of tensors."""
        return self._width

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        places = range(rows.start, rows.stop) if isinstance(rows, slice) else rows.tolist()
        items = [parts_of(self._what, self._dataset[place]) for place in places]
        if not items:
            return tuple(part[None][:0] for part in parts_of(self._what, self._dataset[0]))
        return tuple(stacked(self._what, part) for part in zip(*items, strict=True))


def parts_of(what: str, item: object) -> list[Tensor]:
    """The tensors of one item.

    Raises:
        DataError: It holds something other than numbers.
    """
    if isinstance(item, Mapping):
        return [_part(f"{what}: {name}", part) for name, part in item.items()]
    if isinstance(item, tuple | list):
        return [_part(f"{what}: part {place} of an item", part) for place, part in enumerate(item)]
    return [_part(f"{what}: an item", item)]


def stacked(what: str, rows: Sequence[Tensor]) -> Tensor:
    """Rows [N, ...] as one tensor.

    Raises:
        DataError: They differ in shape, or one holds whole numbers that the floats of others lack.
    """
    for place, row in enumerate(rows):
        if row.shape != rows[0].shape:
            raise DataError(
                f"row {place} of {what} has shape {list(row.shape)}, row 0 {list(rows[0].shape)}; "
                "bring all rows to one shape, or give a tuple where these are several tensors "
                "with a row per datum"
            )
    made = torch.stack(list(rows))
    for row, kept in zip(rows, made, strict=True):
        check_whole(what, row, kept)
    return made


def _part(where: str, part: object) -> Tensor:
    if isinstance(part, float):
        return torch.tensor(part, dtype=torch.float64)  # as torch's loaders do
    if isinstance(part, int):
        return torch.tensor(part)
    return as_tensor(where, part)

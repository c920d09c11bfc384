"""Data of which any rows can be taken."""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError

_CHECKED, _BLOCK = 1000, 64  # rows of a checksum, and how many are read at a time

# uint8 may be a mask, as torch takes it, or row numbers, as numpy does.
_INDEX = (torch.bool, torch.int8, torch.int16, torch.int32, torch.int64)


class Rows(ABC):
    """Tensors [N, ...] with equal N, in memory or not, of which any rows can be taken.

    A kind of data implements `__len__`, `width` and `take`.

    Attributes:
        names: Of the tensors, where they have some.
        column_names: Of the columns of each tensor, where they come from data frames; else none.
        device: Where the rows come from.
        in_memory: All rows are in memory as they are taken, so that they may be taken at once.
        reads_ahead: Rows may be taken by another thread, before they are needed.
        is_fixed: A row has the same values every time.
    """

    names: tuple[str, ...] = ()
    column_names: tuple[tuple[Any, ...], ...] = ()
    device: torch.device = torch.device("cpu")
    in_memory: bool = False
    reads_ahead: bool = False
    is_fixed: bool = True

    @abstractmethod
    def __len__(self) -> int:
        """N."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Number of tensors."""

    @abstractmethod
    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """Tensors [B, ...] of some rows.

        Args:
            rows: A slice of step one within 0 and N, or an index tensor on `device` of values
                from 0 to N - 1. Neither is checked.
        """

    def __getitem__(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """Tensors [B, ...] of some rows.

        Raises:
            DataError: `rows` is neither a slice nor an index, lies outside of the data, or is a
                mask of another length.
        """
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            if step == 1:
                return self.take(slice(start, max(start, stop)))
            return self.take(torch.arange(start, stop, step, device=self.device))
        if not isinstance(rows, Tensor) or rows.ndim != 1 or rows.dtype not in _INDEX:
            raise DataError(
                f"rows are taken by a slice or an index tensor [B], not by {rows!r}; write "
                "rows[i : i + 1] for one row, and rows[mask.bool()] for a mask"
            )
        if rows.dtype == torch.bool:
            if len(rows) != len(self):
                raise DataError(
                    f"rows are taken by a mask of {len(rows)} values, and there are {len(self)} "
                    "rows; give one truth value per row"
                )
            rows = rows.nonzero().flatten()
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < len(self):
            raise DataError(
                f"rows {int(rows.min())} to {int(rows.max())} are asked for, and there are "
                f"{len(self)}; give numbers from 0 to {len(self) - 1}"
            )
        return self.take(rows.to(self.device, torch.int64))

    def to(self, device: torch.device | str) -> "Rows":
        """The same with rows on `device`, where they are in memory; else unchanged."""
        return self

    def pick(self, positions: Sequence[int]) -> "Rows":
        """The same with some of the tensors only, in this order."""
        return PickedRows(self, positions)

    def checksum(self) -> int | None:
        """Checksum of about a thousand rows, to recognise the same data; None if they vary."""
        if not self.is_fixed:
            return None
        found = 0
        index = torch.arange(0, len(self), max(1, len(self) // _CHECKED), device=self.device)
        for column in range(self.width):
            for rows in index.split(_BLOCK):
                some = self.take(rows)[column].cpu().contiguous()
                found = zlib.crc32(some.flatten().view(torch.uint8).numpy().data, found)
        return found


class PickedRows(Rows):
    """Some of the tensors of other rows.

    Args:
        rows: All tensors.
        positions: Places of those that are kept, in their order.
    """

    def __init__(self, rows: Rows, positions: Sequence[int]) -> None:
        self._rows, self._positions = rows, list(positions)
        self.names = tuple(rows.names[i] for i in self._positions) if rows.names else ()
        held = rows.column_names
        self.column_names = tuple(held[i] for i in self._positions) if held else ()
        self.device, self.in_memory = rows.device, rows.in_memory
        self.reads_ahead, self.is_fixed = rows.reads_ahead, rows.is_fixed

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def width(self) -> int:
        """Number of tensors."""
        return len(self._positions)

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        found = self._rows.take(rows)
        return tuple(found[i] for i in self._positions)

    def to(self, device: torch.device | str) -> "Rows":
        """See `Rows.to`."""
        return PickedRows(self._rows.to(device), self._positions)

"""Batches and rows of which a pair gets a part, or a function."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import DataError
from .columns import Columns, Transform, positions
from .minibatches import Minibatches
from .rows import Rows


class TransformedBatches(Minibatches):
    """Some tensors of each batch, or what a function makes of them.

    Args:
        source: All batches.
        columns: Which tensors are kept; None is all.
        transform: Called with these; returns a tensor or a tuple of tensors.
    """

    def __init__(
        self,
        source: Minibatches,
        columns: Columns | None = None,
        transform: Transform | None = None,
    ) -> None:
        self._source, self._columns, self._transform = source, columns, transform
        self.num_data, self.drop_last = source.num_data, source.drop_last
        self.may_read_ahead = transform is None and source.may_read_ahead

    def __len__(self) -> int:
        return len(self._source)

    @property
    def smallest(self) -> int | None:
        """See `Minibatches.smallest`."""
        return self._source.smallest

    def row_numbers(self, epoch: int, index: int) -> Tensor | None:
        """Of the source: see `Minibatches.row_numbers`."""
        return self._source.row_numbers(epoch, index)

    def checksum(self) -> int | None:
        """Of the source: see `Minibatches.checksum`."""
        return self._source.checksum()

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """See `Minibatches.epoch`.

        Raises:
            DataError: The function returns something other than tensors with a row per datum.
            ConfigError: A column is not there.
        """
        return self._made(self._source.epoch(epoch, start))  # now: a loader draws as it starts

    def _made(self, stream: Iterator[tuple[Tensor, ...]]) -> Iterator[tuple[Tensor, ...]]:
        for batch in stream:
            if self._columns is not None:
                places = positions(self._columns, len(batch), self._source.names)
                batch = tuple(batch[place] for place in places)
            yield batch if self._transform is None else applied(self._transform, batch)


class TransformedRows(Rows):
    """What a function makes of the tensors of rows.

    Args:
        rows: What the function is called with.
        transform: Returns a tensor or a tuple of tensors with as many rows.
    """

    def __init__(self, rows: Rows, transform: Transform) -> None:
        self._rows, self._transform = rows, transform
        self.device, self.in_memory, self.is_fixed = rows.device, False, False
        self._width = len(self.take(slice(0, 1)))

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def width(self) -> int:
        """Number of tensors."""
        return self._width

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        return applied(self._transform, self._rows.take(rows))

    def to(self, device: torch.device | str) -> Rows:
        """See `Rows.to`."""
        return TransformedRows(self._rows.to(device), self._transform)


def applied(transform: Transform, batch: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """`transform(*batch)` as a tuple of tensors with as many rows.

    Raises:
        DataError: It is something else.
    """
    made = transform(*batch)
    found = (made,) if isinstance(made, Tensor) else made
    if not isinstance(found, tuple | list) or not found:
        raise DataError(_not_tensors(transform, found))
    for tensor in found:
        if not isinstance(tensor, Tensor):
            raise DataError(_not_tensors(transform, found))
        if tensor.shape[:1] != batch[0].shape[:1]:
            raise DataError(
                f"transform {_name(transform)} made {list(tensor.shape)} of a batch of "
                f"{len(batch[0])} rows; return tensors with a row per datum"
            )
    return tuple(found)


def _not_tensors(transform: Transform, made: object) -> str:
    got = type(made).__name__
    if isinstance(made, tuple | list):
        got += f" of {[type(part).__name__ for part in made]}"
    return f"transform {_name(transform)} returned {got}; return a tensor or a tuple of tensors"


def _name(transform: Transform) -> str:
    return str(getattr(transform, "__name__", type(transform).__name__))

"""Rows of several sources, side by side."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError
from .base import Rows
from .tensors import TensorRows


class JoinedRows(Rows):
    """Each row holds the tensors of all parts.

    Args:
        parts: Rows with equal N.
        names: Of all tensors, where they have some.

    Attributes:
        parts: As given.
    """

    def __init__(self, parts: Sequence[Rows], names: Sequence[str] = ()) -> None:
        self.parts, self.names = list(parts), tuple(names)
        self.column_names = _column_names(parts)
        self.in_memory = all(part.in_memory for part in parts)
        self.reads_ahead = any(part.reads_ahead for part in parts) and all(
            part.reads_ahead or part.in_memory for part in parts
        )
        self.is_fixed = all(part.is_fixed for part in parts)
        self.device = parts[0].device

    def __len__(self) -> int:
        return len(self.parts[0])

    @property
    def width(self) -> int:
        """Number of tensors."""
        return sum(part.width for part in self.parts)

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        return tuple(tensor for part in self.parts for tensor in part.take(rows))

    def to(self, device: torch.device | str) -> Rows:
        """See `Rows.to`."""
        moved = [part.to(device) for part in self.parts]
        if len({part.device for part in moved}) > 1:  # some stay, and one index takes all
            return self
        return JoinedRows(moved, self.names)

    def pick(self, positions: Sequence[int]) -> Rows:
        """See `Rows.pick`."""
        if any(part.width > 1 for part in self.parts):
            return super().pick(positions)
        names = [self.names[i] for i in positions] if self.names else []
        return JoinedRows([self.parts[i] for i in positions], names)


def side_by_side(where: str, parts: Sequence[Rows], names: Sequence[str] = ()) -> Rows:
    """Rows of all parts, in memory on one device where the parts are.

    Args:
        where: What is joined, for messages.
        parts: One or more.
        names: Of all tensors, where they have some.

    Raises:
        DataError: There is no part, or they differ in their numbers of rows.
    """
    sizes = [len(part) for part in parts]
    if len(set(sizes)) != 1:
        called = dict(zip(names, sizes, strict=True)) if names else sizes
        raise DataError(
            f"{where}: tensors with {called} rows, needs one number for all; give every tensor "
            "one row per datum"
        )
    parts = [part.to("cpu") for part in parts] if len({p.device for p in parts}) > 1 else parts
    tensors = [t for part in parts if isinstance(part, TensorRows) for t in part.tensors]
    if len(tensors) == sum(part.width for part in parts):
        return TensorRows(tensors, names, _column_names(parts))
    return parts[0] if len(parts) == 1 and not names else JoinedRows(parts, names)


def _column_names(parts: Sequence[Rows]) -> tuple[tuple[Any, ...], ...]:
    if not any(part.column_names for part in parts):
        return ()
    return tuple(names for part in parts for names in part.column_names or ((),) * part.width)

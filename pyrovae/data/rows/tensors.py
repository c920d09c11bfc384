"""Rows of tensors."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import DataError
from ..conversion import check_dense
from .base import Rows


class TensorRows(Rows):
    """Rows of dense tensors in memory; a slice gives views.

    Args:
        tensors: [N, ...], with equal N on one device.
        names: Of the tensors, where they have some.
        column_names: See `Rows`.

    Raises:
        DataError: Something else is given, or there are no rows.
    """

    in_memory = True

    def __init__(
        self,
        tensors: Sequence[Tensor],
        names: Sequence[str] = (),
        column_names: Sequence[tuple[Any, ...]] = (),
    ) -> None:
        given = tensors if isinstance(tensors, tuple | list) else []
        if not given or not all(isinstance(t, Tensor) and t.ndim > 0 for t in given):
            raise DataError(
                "Batches: got something other than tensors with one row per datum; "
                "pyrovae.data.batches takes numpy arrays, lists and files too"
            )
        for tensor in tensors:
            check_dense("Batches: a tensor", tensor)
        self.tensors, self.names = tuple(tensors), tuple(names)
        self.column_names = tuple(column_names)
        self.device = self.tensors[0].device

    def __len__(self) -> int:
        return len(self.tensors[0])

    @property
    def width(self) -> int:
        """Number of tensors."""
        return len(self.tensors)

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        if isinstance(rows, slice):
            return tuple(tensor[rows] for tensor in self.tensors)
        # Copies each row as a whole, where `tensor[rows]` goes through its numbers one by one.
        return tuple(tensor.index_select(0, rows) for tensor in self.tensors)

    def to(self, device: torch.device | str) -> "TensorRows":
        """See `Rows.to`."""
        moved = [tensor.to(device) for tensor in self.tensors]
        return TensorRows(moved, self.names, self.column_names)

    def pick(self, positions: Sequence[int]) -> "TensorRows":
        """See `Rows.pick`."""
        names = [self.names[i] for i in positions] if self.names else []
        columns = [self.column_names[i] for i in positions] if self.column_names else []
        return TensorRows([self.tensors[i] for i in positions], names, columns)

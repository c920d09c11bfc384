"""Rows of sparse matrices, made dense as they are needed."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...errors import DataError
from ..conversion import as_tensor, check_whole
from ..loaded import is_a
from .base import Rows

if TYPE_CHECKING:
    import scipy.sparse


_LAYOUTS = (
    torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc,
)  # fmt: skip


class SparseRows(Rows):
    """Dense rows of a sparse matrix; only the rows that are asked for are made dense.

    Args:
        starts: Where the entries of each row begin, and where the last ones end, [N + 1].
        places: Place of each entry in its row, which is flat, [E].
        values: The entries, [E].
        shape: Of a row.

    Attributes:
        values: As given.
        shape: As given.
    """

    def __init__(self, starts: Tensor, places: Tensor, values: Tensor, shape: torch.Size) -> None:
        self._starts, self._places, self.values = starts, places, values
        self.shape = shape
        self.device = values.device

    @classmethod
    def of_scipy(cls, where: str, matrix: "scipy.sparse.spmatrix") -> "SparseRows":
        """Of a matrix or an array of scipy, in any format.

        Raises:
            DataError: It holds something other than real numbers.
        """
        as_tensor(where, matrix.dtype.type())  # refused before it is converted
        if matrix.ndim != 2:
            return cls._of_coordinates(where, matrix.tocoo())
        by_row = matrix.tocsr(copy=False)
        if not by_row.has_canonical_format:  # an entry may be a sum of several
            by_row = by_row.copy()
            by_row.sum_duplicates()
        values = as_tensor(where, by_row.data)
        starts, places = (
            torch.from_numpy(i.astype("int64")) for i in (by_row.indptr, by_row.indices)
        )
        return cls(starts, places, values, torch.Size(matrix.shape[1:]))

    @classmethod
    def _of_coordinates(cls, where: str, array: Any) -> "SparseRows":  # noqa: ANN401
        index = torch.from_numpy(np.stack(array.coords).astype(np.int64))
        values = as_tensor(where, array.data)
        tensor = torch.sparse_coo_tensor(index, values, array.shape, check_invariants=True)
        return cls.of_torch(where, tensor)

    @classmethod
    def of_torch(cls, where: str, tensor: Tensor) -> "SparseRows":
        """Of a sparse tensor of torch, in any layout.

        Raises:
            DataError: Its rows are not sparse, or it holds complex numbers.
        """
        if tensor.is_complex():
            raise DataError(f"{where} holds complex numbers; give real and imaginary parts")
        entries = tensor.detach()
        entries = (
            entries if entries.layout == torch.sparse_coo else entries.to_sparse()
        ).coalesce()
        index, values = entries.indices(), entries.values()
        shape = tensor.shape[1:]
        inner = shape[: len(index) - 1]
        places = torch.zeros_like(index[0])
        for each, size in zip(index[1:], inner, strict=True):
            places = places * size + each
        dense = math.prod(values.shape[1:])  # of a hybrid tensor, whose entries are tensors
        if dense != 1 or values.ndim > 1:
            offsets = torch.arange(dense, device=values.device)
            places = (places[:, None] * dense + offsets).flatten()
            values = values.flatten()
        counts = torch.bincount(index[0], minlength=len(tensor)) * dense
        starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return cls(starts, places, values, shape)

    def __len__(self) -> int:
        return len(self._starts) - 1

    @property
    def width(self) -> int:
        """One."""
        return 1

    def take(self, rows: slice | Tensor) -> tuple[Tensor, ...]:
        """See `Rows.take`."""
        counts, row, entry = self._entries(rows)
        size = math.prod(self.shape)
        made = self.values.new_zeros(len(counts) * size)
        made[row * size + self._places[entry]] = self.values[entry]
        return (made.reshape(len(counts), *self.shape),)

    def select(self, rows: slice | Tensor) -> "SparseRows":
        """Some of the rows, sparse as they are: by a slice, an index or a mask [N].

        Raises:
            IndexError: There is no such row.
        """
        rows = torch.arange(len(self), device=self.device)[rows]
        counts, _, entry = self._entries(rows)
        starts = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return SparseRows(starts, self._places[entry], self.values[entry], self.shape)

    @classmethod
    def stacked(cls, parts: "Sequence[SparseRows]") -> "SparseRows":
        """The rows of several, which have one shape, one below the other."""
        sizes = [len(part.values) for part in parts]
        before = [sum(sizes[:place]) for place in range(len(parts))]
        starts = [part._starts[:-1] + n for part, n in zip(parts, before, strict=True)]
        last = parts[0]._starts.new_tensor([sum(sizes)])
        places = torch.cat([part._places for part in parts])
        values = torch.cat([part.values for part in parts])
        return cls(torch.cat([*starts, last]), places, values, parts[0].shape)

    def in_type(self, dtype: torch.dtype) -> "SparseRows":
        """The same with entries of this type.

        Raises:
            DataError: It does not hold a whole number exactly.
        """
        values = self.values.to(dtype)
        check_whole("the sparse rows", self.values, values)
        made = SparseRows(self._starts, self._places, values, self.shape)
        made.column_names = self.column_names
        return made

    def entry(self, number: int) -> tuple[int, int, float]:
        """Row, place within it, and value of an entry by its number."""
        row = int(torch.searchsorted(self._starts, number, right=True)) - 1
        return row, int(self._places[number]), float(self.values[number])

    def totals(self) -> Tensor:
        """The sum of each row [N], float64."""
        counts, row, entry = self._entries(slice(0, len(self)))
        made = torch.zeros(len(counts), dtype=torch.float64, device=self.device)
        return made.index_add_(0, row, self.values[entry].double())

    def totals_by_column(self) -> Tensor:
        """The sum of all rows, flat [D], float64."""
        made = torch.zeros(math.prod(self.shape), dtype=torch.float64, device=self.device)
        return made.index_add_(0, self._places, self.values.double())

    def _entries(self, rows: slice | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Number of the entries of each of these rows, and for each entry its row and place."""
        if isinstance(rows, slice):
            rows = torch.arange(rows.start, rows.stop, device=self.device)
        first, counts = self._starts[rows], self._starts[rows + 1] - self._starts[rows]
        row = torch.arange(len(rows), device=self.device).repeat_interleave(counts)
        before = counts.cumsum(0) - counts
        return counts, row, torch.arange(len(row), device=self.device) + (first - before)[row]

    def to(self, device: torch.device | str) -> "SparseRows":
        """See `Rows.to`."""
        starts, places = self._starts.to(device), self._places.to(device)
        moved = SparseRows(starts, places, self.values.to(device), self.shape)
        moved.column_names = self.column_names
        return moved


def is_sparse(tensor: Tensor) -> bool:
    """Whether a tensor of torch is sparse, in any layout."""
    return tensor.layout in _LAYOUTS


def is_scipy(data: object) -> bool:
    """Whether something is a sparse matrix, or a sparse array, of scipy."""
    return is_a(data, "scipy.sparse", "spmatrix", "sparray")

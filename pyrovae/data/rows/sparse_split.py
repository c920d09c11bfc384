"""A split of a data set whose x is a sparse matrix."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...errors import DataError
from ..base import Split
from .base import Rows
from .joined import side_by_side
from .sparse import SparseRows
from .tensors import TensorRows

_MOST, _PART = 2**31, 2**28  # bytes of a dense x, and of a part of it


class SparseSplit(Split):
    """A split whose rows are made dense as they are asked for, a batch at a time.

    It takes the place of a `Split` wherever data are trained on or measured. Its `x` is dense, and
    is made anew each time: take a part of the rows first, `split[:100].x`.

    Args:
        x: Sparse rows [N, *data_shape], or a tensor that becomes such.
        y: Labels, or other values for each row [N, ...].
        dynamic: False.
        with_labels: Batches are `(x, y)`.

    Raises:
        DataError: `x` and `y` differ in number of rows, or a value is NaN or infinite.

    Example:
        >>> import scipy.sparse
        >>> rows = SparseRows.of_scipy("mine", scipy.sparse.eye(4, format="csr"))
        >>> split = SparseSplit(rows, torch.arange(4))
        >>> split[1:3], split[1:3].x.shape
        (SparseSplit(2 x [4] float64, labels int64, 2 entries), torch.Size([2, 4]))
    """

    def __init__(
        self,
        x: SparseRows | Tensor,
        y: Tensor | Any = None,  # noqa: ANN401
        dynamic: bool = False,
        with_labels: bool = False,
    ) -> None:
        if dynamic:
            raise DataError(
                "SparseSplit: binary values are not drawn of sparse rows; give a dense Split"
            )
        x = SparseRows.of_torch("SparseSplit: x", x) if isinstance(x, Tensor) else x
        place = {"rows": x, "y": y, "dynamic": False, "with_labels": with_labels}
        for name, value in place.items():
            object.__setattr__(self, name, value)
        # What a split checks of dense rows holds of the entries alone.
        Split(x.values if len(x.values) else torch.zeros(1))
        if y is not None:
            Split(y)
        if y is not None and len(y) != len(x):
            raise DataError(
                f"SparseSplit: y has {len(y)} rows, x has {len(x)}; give one label per row"
            )
        if with_labels and y is None:
            raise DataError("SparseSplit: labels are asked for, but y is None; give y")

    rows: SparseRows

    @property
    def x(self) -> Tensor:
        """The dense rows, made anew [N, *data_shape].

        Raises:
            DataError: They would take more than 2 GiB.
        """
        size = len(self) * self.shape.numel() * self.rows.values.element_size()
        if size > _MOST:
            raise DataError(
                f"SparseSplit: x as a dense tensor would take {size / 2**30:,.0f} GiB; take a "
                "part, split[:1000].x, or give the split as it is, which is read by batches"
            )
        return self.rows[:][0]

    def dense_part(self) -> Split:
        """The first rows as a dense split: as many as take 256 MiB."""
        each = max(1, self.shape.numel() * self.rows.values.element_size())
        few = self[: max(1, _PART // each)]
        return Split(few.x, few.y, with_labels=self.with_labels)

    def as_rows(self) -> Rows:
        """The rows as batches have them: x, and y where they are labelled."""
        if not self.with_labels:
            return self.rows
        return side_by_side("SparseSplit", [self.rows, TensorRows([self.y])], ["x", "y"])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice | Tensor) -> SparseSplit:
        if not isinstance(rows, slice | Tensor):
            raise DataError(
                f"SparseSplit: rows are taken by a slice or an index tensor, not by {rows!r}"
            )
        y = None if self.y is None else self.y[rows]
        return SparseSplit(self.rows.select(rows), y, with_labels=self.with_labels)

    def __repr__(self) -> str:
        values = self.rows.values
        types = [str(t.dtype).removeprefix("torch.") for t in (values, self.y) if t is not None]
        labels = f", labels {types[1]}" if self.y is not None else ""
        count = f"{len(values):,} entries"
        return f"SparseSplit({len(self)} x {list(self.shape)} {types[0]}{labels}, {count})"

    @property
    def shape(self) -> torch.Size:
        """Shape of one datum, without the leading N."""
        return self.rows.shape

    def labelled(self) -> SparseSplit:
        """The same split with batches `(x, y)`; DataError if `y` is None."""
        return SparseSplit(self.rows, self.y, with_labels=True)

    def binarized(self, seed: int) -> Split:
        """Not of counts.

        Raises:
            DataError: Always.
        """
        raise DataError(
            "SparseSplit: binary values are not drawn of sparse rows; give a dense Split"
        )

    def to(self, device: torch.device | str) -> SparseSplit:
        """The same split on `device`."""
        y = None if self.y is None else self.y.to(device)
        return SparseSplit(self.rows.to(device), y, with_labels=self.with_labels)

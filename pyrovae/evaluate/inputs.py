"""What a measurement is called with: data, a row each, and what else the pair takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..data.base import Split
from ..data.conversion import check_dense
from ..errors import DataError, ShapeError
from ..particles.device import to_device_of
from ..particles.tracing import Program

Data = Tensor | tuple[Tensor, ...] | Split
"""A tensor [N, ...], several with equal N, or a split (with labels where it is `labelled`)."""


@dataclass(frozen=True)
class Inputs:
    """The arguments of a pair.

    Attributes:
        data: Tensors [N, ...], which come first.
        rest: What the pair takes after the data.
    """

    data: tuple[Tensor, ...]
    rest: tuple[Any, ...] = ()

    @classmethod
    def of(cls, x: Data, rest: tuple[Any, ...] = ()) -> "Inputs":
        """From what a user gives.

        Raises:
            DataError: The data are no tensors, have no row or unequal N, or are probabilities
                that every pass draws afresh.
        """
        data = _tensors(x)
        sizes = [len(tensor) for tensor in data]
        if sizes[0] == 0 or len(set(sizes)) > 1:
            raise DataError(
                f"the data have {sizes} rows; give at least one, and equally many in each tensor"
            )
        return cls(data, rest)

    @property
    def num_data(self) -> int:
        """N."""
        return len(self.data[0])

    @property
    def all(self) -> tuple[Any, ...]:
        """Data and rest, in the order of the pair's arguments."""
        return (*self.data, *self.rest)

    def rows(self, rows: slice) -> tuple[Any, ...]:
        """The arguments for some rows: each tensor with N rows is cut."""
        return tuple(
            arg[rows] if isinstance(arg, Tensor) and arg.shape[:1] == (self.num_data,) else arg
            for arg in self.all
        )

    def to_device_of(self, model: Program, guide: Program) -> "Inputs":
        """The same on the device of the pair's parameters."""
        moved = to_device_of(model, guide, self.all)
        return Inputs(moved[: len(self.data)], moved[len(self.data) :])


def as_data(sites: Mapping[str, Tensor], x: Tensor) -> Tensor:
    """What a model would have observed in place of the data x [N, ...], in the shape of x.

    Raises:
        ShapeError: No observed site holds as many values as the data.
    """
    for value in sites.values():
        if value.numel() == x.numel() and len(value) == len(x):
            return value.reshape(x.shape)
    shapes = {name: list(value.shape) for name, value in sites.items()}
    raise ShapeError(
        f"the model observes {shapes}, and the data are {list(x.shape)}: none of its sites holds "
        "the data row by row, so there is nothing to draw"
    )


def _tensors(x: Data) -> tuple[Tensor, ...]:
    if isinstance(x, Split):
        if x.dynamic:
            raise DataError(
                "the split holds probabilities that every pass draws afresh; measure one "
                "draw, `split.binarized(seed)`"
            )
        labels = x.y if x.with_labels else None
        return (x.x,) if labels is None else (x.x, labels)
    tensors = x if isinstance(x, tuple) else (x,)
    if not tensors or not all(isinstance(t, Tensor) and t.ndim > 0 for t in tensors):
        raise DataError(
            f"the data are of type {type(x).__name__}, and must be a tensor [N, ...], "
            "a tuple of tensors or a split; of a dataset give `.test`"
        )
    for tensor in tensors:
        check_dense("a tensor of the data", tensor)
    return tensors

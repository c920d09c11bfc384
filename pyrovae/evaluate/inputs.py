"""What a measurement is called with: data, a row each, and what else the pair takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from ..data import Batchable, Rows, rows
from ..data.columns import Columns, Transform
from ..data.conversion import as_tensor
from ..errors import DataError, ShapeError
from ..particles.argument_types import ArgumentTypes, argument_types
from ..particles.arguments import check_count
from ..particles.device import to_device_of
from ..particles.modes import Mode, in_mode
from ..particles.non_finite import WAY_OUT, find_non_finite, makes_non_finite
from ..particles.tracing import Program

_FEW = 64  # rows that show what a pair takes

Data = Batchable
"""A tensor [N, ...], several with equal N, or any other data that `pyrovae.data.rows` takes."""


@dataclass(frozen=True)
class Inputs:
    """The arguments of a pair.

    Attributes:
        source: Tensors [N, ...], which come first.
        rest: What the pair takes after the data.
    """

    source: Rows
    rest: tuple[Any, ...] = ()

    @classmethod
    def of(
        cls,
        x: Data,
        rest: tuple[Any, ...] = (),
        *,
        columns: Columns | None = None,
        transform: Transform | None = None,
    ) -> "Inputs":
        """From what a user gives; see `pyrovae.data.rows`.

        Raises:
            DataError: The data are of another kind, have no row or unequal N, or are
                probabilities that every pass draws afresh.
        """
        found = rows(x, columns=columns, transform=transform)
        return cls(found, tuple(map(_as_tensor, rest)))

    @property
    def num_data(self) -> int:
        """N."""
        return len(self.source)

    @cached_property
    def data(self) -> tuple[Tensor, ...]:
        """The tensors of all rows."""
        return self.source[: self.num_data]

    @property
    def all(self) -> tuple[Any, ...]:
        """Data and rest, in the order of the pair's arguments."""
        return (*self.data, *self.rest)

    def rows(self, rows: slice) -> tuple[Any, ...]:
        """The arguments for some rows: each tensor of the rest with N rows is cut."""
        rest = (
            arg[rows] if isinstance(arg, Tensor) and arg.shape[:1] == (self.num_data,) else arg
            for arg in self.rest
        )
        return (*self.source[rows], *rest)

    def check_count(self, model: Program, guide: Program) -> None:
        """Refuse more or fewer arguments than the pair takes.

        Raises:
            DataError: See `particles.arguments.check_count`.
        """
        held, more = "the data hold", None
        if self.rest:
            held = "the data and the arguments after them are"
            more = "give no more arguments after the data than it takes"
        check_count(model, guide, self.source.width + len(self.rest), held, more)

    def for_pair(self, model: Program, guide: Program) -> "Inputs":
        """All rows in memory, checked, in the types of the pair and on its device.

        Raises:
            DataError: The pair takes more or fewer tensors, a number would be lost, or a NaN or
                an infinity makes a log-density so.
        """
        self.check_count(model, guide)
        given = to_device_of(model, guide, self.all)
        types = argument_types(model, guide, given)
        found = converted(model, guide, given, types, 0)
        width = self.source.width
        return Inputs(rows(found[:width]), found[width:])


def converted(
    model: Program, guide: Program, args: tuple[Any, ...], types: ArgumentTypes, start: int
) -> tuple[Any, ...]:
    """The arguments of some rows in the types of the pair, checked.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        args: For these rows, on the device of the pair.
        types: Of the pair.
        start: Number of the first of these rows.

    Raises:
        DataError: A number would be lost, or a NaN or an infinity makes a log-density so.
    """
    types.check(args, "the data", start)
    found = tuple(map(_in_rows, types(args)))
    bad = find_non_finite(found, types.names, start)
    if bad is not None and makes_non_finite(model, guide, found):
        raise DataError(f"{bad}; {WAY_OUT}")
    return found


def data_in_type(
    model: Program, guide: Program, args: tuple[Any, ...], mode: Mode = "evaluation"
) -> Tensor:
    """The first argument in the type in which the pair takes it; NaN may be in it.

    For what computes with all data before a sweep converts them: draws are of that type then,
    whatever type the data came in.

    Raises:
        DataError: A number would be lost.
    """
    data: Tensor = args[0]
    few = (a[:_FEW] if isinstance(a, Tensor) and len(a) == len(data) else a for a in args)
    with in_mode(mode, model, guide):
        types = argument_types(model, guide, to_device_of(model, guide, tuple(few)))
    types.check(args, "the data")
    return data if types.types[0] is None else data.to(types.types[0])


def _in_rows(arg: Any) -> Any:  # noqa: ANN401
    """A tensor in the order of its rows, on which the draws of some samplers depend."""
    if not isinstance(arg, Tensor) or arg.dim() > 3:  # images may have their channels last
        return arg
    return arg.contiguous()


def _as_tensor(arg: Any) -> Any:  # noqa: ANN401
    return as_tensor("args", arg) if isinstance(arg, np.ndarray | np.generic) else arg


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

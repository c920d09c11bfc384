"""Base of the coders of distributions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from ....errors import NonFiniteError
from ..lattice import Lattice
from ..stack import Array, Stack


class Coder(ABC):
    """Pushes values of a distribution onto a stack, and pops them.

    A subclass implements `takes`, `push` and `pop`; one of a continuous distribution also
    implements `widths`. Popping is the exact inverse of pushing.

    Args:
        name: Of the site, for messages.
        fn: Its distribution: batch shape [R, ...], event shape [...].
        rows: How many of the R rows are coded. The others are copies of the first one, so that
            networks see no batch of one row.
        lattice: Where its values lie, if they are continuous.
        is_open: Whether values come from elsewhere, as those of the model's sites, which the
            guide draws. Otherwise encoding pops them, and only these are pushed back.

    Attributes:
        known: All of them. The package's `__init__` sets it, because this file cannot import
            them.
        is_flow: Whether it has a base with a lattice of its own.
    """

    known: ClassVar[Sequence[type["Coder"]]] = ()
    is_flow: ClassVar[bool] = False

    def __init__(
        self,
        name: str,
        fn: Any,  # noqa: ANN401
        rows: int,
        lattice: Lattice,
        *,
        is_open: bool,
    ) -> None:
        self.name, self.fn, self.rows = name, fn, rows
        self.lattice, self.is_open = lattice, is_open

    @staticmethod
    @abstractmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        """Whether it codes this distribution."""

    @staticmethod
    def widths(fn: Any, value: Tensor) -> Tensor | None:  # noqa: ANN401
        """Standard deviations near a value, of each coordinate given those before; None: discrete.

        A lattice much finer than these costs nothing but initial bits.
        """
        return None

    @staticmethod
    def base_widths(fn: Any, value: Tensor, step: float) -> Tensor | None:  # noqa: ANN401
        """The same at the base of a flow, for a cell of this size; None where it is no flow."""
        return None

    @abstractmethod
    def push(self, stack: Stack, value: Tensor) -> None:
        """Push a value [R, ...] of each row."""

    @abstractmethod
    def pop(self, stack: Stack) -> Tensor:
        """Pop a value [R, ...] of each row."""

    @property
    def shape(self) -> torch.Size:
        """Of a value of all R rows."""
        found: torch.Size = self.fn.batch_shape + self.fn.event_shape
        return found

    def array(self, parameter: Tensor) -> Array:
        """A parameter of the shape of a value as an array [rows, m] of float64.

        Raises:
            NonFiniteError: It is infinite or not a number.
        """
        return as_array(parameter.expand(self.shape), self.rows, self.name)

    def index(self, value: Tensor) -> Array:
        """The numbers of the lattice's points for a value [rows, m], int64."""
        return self.lattice.index(self.array(value))

    def padded(self, flat: Array | Tensor) -> Tensor:
        """Values [rows, m] in the shape of the distribution; what is added repeats row 0."""
        return padded(torch.as_tensor(flat), self.shape[0]).reshape(self.shape)


def padded(values: Tensor, rows: int) -> Tensor:
    """The rows, and copies of the first one, so many in all."""
    return torch.cat([values, values[:1].expand(rows - len(values), *values.shape[1:])])


def as_array(parameter: Tensor, rows: int, name: str) -> Array:
    """Some rows of a tensor [R, ...] as an array [rows, m] of float64.

    Raises:
        NonFiniteError: It is infinite or not a number; `name` is that of the site.
    """
    found = parameter[:rows].detach().reshape(rows, -1)
    if not bool(found.isfinite().all()):
        raise NonFiniteError(
            f"at site '{name}' a parameter or a value is infinite or not a number, so that "
            "nothing can be coded there"
        )
    made: Array = found.double().cpu().numpy()
    return made

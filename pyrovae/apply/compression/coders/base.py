"""Base of the coders of distributions."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ....errors import NonFiniteError
from ..lattice import Lattice
from ..stack import Array, Stack


class Coder(ABC):
    """Pushes values of a distribution onto a stack, and pops them.

    A subclass implements the rest. Popping is the exact inverse of pushing.

    Args:
        name: Of the site, for messages.
        fn: Its distribution: batch shape [R, ...], event shape [...].
        rows: How many of the R rows are coded. The others are copies of the first one, so that
            networks see batches of one shape.
        lattice: Where its values lie, if they are continuous.
        is_open: Whether values come from elsewhere, as those of the model's sites, which the
            guide draws. Otherwise encoding pops them, and only these are pushed back.
    """

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
    def spread(fn: Any) -> Tensor | None:  # noqa: ANN401
        """Standard deviations of the coordinates given those before them; None if discrete."""
        return None

    @abstractmethod
    def push(self, stack: Stack, value: Tensor) -> None:
        """Push a value [R, ...] of each row."""

    @abstractmethod
    def pop(self, stack: Stack) -> Tensor:
        """Pop a value [R, ...] of each row."""

    def array(self, parameter: Tensor) -> Array:
        """A parameter, batch shape or shape of the value, as an array [rows, m] of float64.

        Raises:
            NonFiniteError: It is infinite or not a number.
        """
        shape = self.fn.batch_shape + self.fn.event_shape
        found = parameter.expand(shape)[: self.rows].reshape(self.rows, -1)
        if not bool(found.isfinite().all()):
            raise NonFiniteError(
                f"at site '{self.name}' a parameter of the {type(self.fn).__name__} is infinite "
                "or not a number, so that nothing can be coded there"
            )
        return found.double().cpu().numpy()

    def padded(self, flat: Array | Tensor) -> Tensor:
        """Values [rows, m] in the shape of the distribution; what is added repeats row 0."""
        values = torch.as_tensor(flat)
        shape = self.fn.batch_shape + self.fn.event_shape
        return padded(values, shape[0]).reshape(shape)


def padded(values: Tensor, rows: int) -> Tensor:
    """The rows, and copies of the first one, so many in all."""
    return torch.cat([values, values[:1].expand(rows - len(values), *values.shape[1:])])


def rounded(values: Array, per_unit: int) -> Array:
    """Values rounded to multiples of 1/per_unit.

    What is rounded to more than machine precision is the same on machines whose last digits
    differ, but for few values close to the middle.
    """
    found: Array = np.floor(values * per_unit + 0.5) / per_unit
    return found

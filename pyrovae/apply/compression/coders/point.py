"""Points: a value that follows from what is known already."""

from typing import Any

import torch
from pyro.distributions import Delta
from torch import Tensor
from torch.distributions import Independent

from ....errors import DataError
from ..stack import Stack
from .base import Coder


class PointCoder(Coder):
    """Codes nothing: both directions compute the value."""

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        return is_point(fn)

    def push(self, stack: Stack, value: Tensor) -> None:
        point = self.pop(stack)
        if not torch.allclose(value.double(), point.double(), rtol=1e-6, atol=1e-9):
            raise DataError(
                f"at site '{self.name}' a value is not the point where all mass lies, so that it "
                "cannot be coded: model and guide contradict each other, or the bits are damaged"
            )

    def pop(self, stack: Stack) -> Tensor:
        return point_of(self.fn).expand(self.shape)


def is_point(fn: Any) -> bool:  # noqa: ANN401
    """Whether all mass lies on one value."""
    return isinstance(_inner(fn), Delta)


def point_of(fn: Any) -> Tensor:  # noqa: ANN401
    """The value on which all mass lies."""
    found: Tensor = _inner(fn).v
    return found


def _inner(fn: Any) -> Any:  # noqa: ANN401
    while isinstance(fn, Independent):
        fn = fn.base_dist
    return fn

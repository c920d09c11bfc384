"""Independent normals."""

from typing import Any

from torch import Tensor
from torch.distributions import Normal

from ....distributions.elements import elements_of
from ..stack import Stack
from .base import Coder
from .normals import Normals


class NormalCoder(Coder):
    """Codes independent normals, coordinates and rows all at once."""

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        return isinstance(elements_of(fn), Normal)

    @staticmethod
    def widths(fn: Any, value: Tensor) -> Tensor:  # noqa: ANN401
        found: Tensor = fn.stddev
        return found

    def push(self, stack: Stack, value: Tensor) -> None:
        self._normals().push(stack, self.index(value))

    def pop(self, stack: Stack) -> Tensor:
        return self.padded(self.lattice.values(self._normals().pop(stack)))

    def _normals(self) -> Normals:
        step = self.lattice.step
        mean, std = self.array(self.fn.mean), self.array(self.fn.stddev)
        return Normals(mean / step - 0.5, std / step, is_open=self.is_open)

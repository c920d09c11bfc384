"""Monotone maps of one number by parameters of its own, of which layers are made."""

from abc import ABC, abstractmethod

from torch import Tensor

from .base import LayerTransform


class Elementwise(ABC):
    """A monotone map of numbers x [...] by parameters [..., num_params].

    At parameters of zero it is the identity, or near it.

    Attributes:
        num_params: How many one map has.
    """

    num_params: int

    @abstractmethod
    def forward(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """y and log dy/dx, both [...]."""

    @abstractmethod
    def backward(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """x and log dy/dx, both [...].

        Raises:
            InverseError: There is no inverse.
        """


class EachElement(LayerTransform):
    """Maps each element by parameters [..., L, num_params]."""

    def __init__(self, of: Elementwise, params: Tensor) -> None:
        super().__init__()
        self.of, self.params = of, params

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, log_slope = self.of.forward(x, self.params)
        return y, log_slope.sum(-1)

    def backward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        x, log_slope = self.of.backward(y, self.params)
        return x, log_slope.sum(-1)

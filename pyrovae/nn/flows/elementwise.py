"""Monotone maps of one number, from which layers are built."""

from abc import ABC, abstractmethod

from torch import Tensor

from .base import LayerTransform


class Elementwise(ABC):
    """A monotone map of numbers x [...] with parameters [..., num_params].

    At parameters of zero it is near the identity.

    Attributes:
        num_params: Number of parameters of one map.
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
    """Maps each element with its own parameters [..., L, num_params]."""

    def __init__(self, of: Elementwise, params: Tensor) -> None:
        super().__init__()
        self.of, self.params = of, params

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, log_slope = self.of.forward(x, self.params)
        return y, log_slope.sum(-1)

    def backward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        x, log_slope = self.of.backward(y, self.params)
        return x, log_slope.sum(-1)

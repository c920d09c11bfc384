"""Sylvester flow with a product of Householder reflections."""

from torch import Tensor
from torch.distributions import Transform

from ..sizes import as_size
from .base import FlowLayer
from .householder import Householder
from .sylvester import Basis, Sylvester


class HouseholderSylvester(Sylvester):
    r"""Sylvester flow :math:`y = z + Q R \tanh(\tilde R Q^\top z + b)`; Q is made of reflections.

    Args:
        dim: L.
        context_dim: C.
        num_reflections: Number of reflections.

    Raises:
        ConfigError: There is no reflection.

    Source:
        Sylvester Normalizing Flows for Variational Inference (van den Berg et al., 2018), sec.
        3.2, H-SNF, https://arxiv.org/abs/1803.05649

    Example:
        >>> import torch
        >>> layer = HouseholderSylvester(4, context_dim=3, num_reflections=2)
        >>> layer.condition(torch.randn(2, 3))(torch.randn(5, 2, 4)).shape
        torch.Size([5, 2, 4])
    """

    def __init__(self, dim: int, context_dim: int = 0, *, num_reflections: int = 4) -> None:
        dim = as_size(dim, "dim", "HouseholderSylvester")
        super().__init__(dim, context_dim, num_columns=dim)
        self.reflections: FlowLayer = Householder(
            dim, context_dim, num_reflections=num_reflections
        )

    def basis(self, context: Tensor | None) -> Basis:
        return _Reflected(self.reflections.condition(context))


class _Reflected(Basis):
    def __init__(self, reflections: Transform) -> None:
        self.reflections = reflections

    def coordinates(self, z: Tensor) -> Tensor:
        return self.reflections.inv(z)

    def vector(self, v: Tensor) -> Tensor:
        return self.reflections(v)

"""The map of one half of a vector by parameters that a network of the other half gives."""

import torch
from torch import Tensor

from .base import LayerTransform
from .conditioner import Conditioner
from .elementwise import Elementwise


class Coupling(LayerTransform):
    """Keeps the first elements and maps each other by f(x_i; network(first elements)).

    The network runs once in either direction.

    Args:
        of: f.
        network: Takes the first elements.
        given: What the context adds to its first layer (`Conditioner.given`).
        kept: Number of first elements.
    """

    def __init__(
        self, of: Elementwise, network: Conditioner, given: Tensor | None, kept: int
    ) -> None:
        super().__init__()
        self.of, self.network, self.given, self.kept = of, network, given, kept

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self._map(x, back=False)

    def backward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        return self._map(y, back=True)

    def _map(self, z: Tensor, *, back: bool) -> tuple[Tensor, Tensor]:
        first, rest = z.split([self.kept, z.shape[-1] - self.kept], dim=-1)
        params = self.network(first, self.given).unflatten(-1, (-1, self.of.num_params))
        rest, log_slope = (self.of.backward if back else self.of.forward)(rest, params)
        return torch.cat([first, rest], -1), log_slope.sum(-1)

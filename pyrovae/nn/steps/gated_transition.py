"""Gated transition of a deep Markov model."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ...errors import ConfigError
from ..sizes import Shape, as_shape, as_size


class GatedTransition(nn.Module):
    r"""Mean and log-scale of the next state, between a linear and a nonlinear map.

    With a gate g in (0, 1), the mean is :math:`(1 - g)(Wz + b) + g\,f(z)`, and the scale is
    softplus of an affine map of relu(f(z)). It starts near a step that keeps z, W = I, with
    noise of scale 0.3.

    Args:
        in_shape: (L,).
        out_shape: (2 L,).
        hidden: Width of the hidden layers of g and f.
        min_scale: Smallest standard deviation.

    Raises:
        ConfigError: The output is not twice the input.

    Source:
        Structured Inference Networks for Nonlinear State Space Models (Krishnan, Shalit & Sontag,
        2017), sec. 5, https://arxiv.org/abs/1609.09869

    Example:
        >>> GatedTransition(3, 6)(torch.zeros(5, 3)).shape
        torch.Size([5, 6])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        hidden: int = 64,
        min_scale: float = 1e-3,
    ) -> None:
        super().__init__()
        sizes = as_shape(in_shape), as_shape(out_shape)
        if len(sizes[0]) != 1 or sizes[1] != (2 * sizes[0][0],):
            raise ConfigError(
                f"GatedTransition got shapes {sizes[0]} and {sizes[1]}; it gives a mean and a "
                "log-scale for each of L values, (L,) to (2 L,)"
            )
        size, hidden = sizes[0][0], as_size(hidden, "hidden", "GatedTransition")
        self.min_scale = min_scale
        self.gate = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, size))
        self.proposed = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, size))
        self.linear = nn.Linear(size, size)
        self.scale = nn.Linear(size, size)
        with torch.no_grad():
            nn.init.eye_(self.linear.weight)
            self.linear.bias.zero_()
            self.scale.weight.mul_(0.1)
            self.scale.bias.fill_(math.log(math.expm1(0.3)))

    def forward(self, z: Tensor) -> Tensor:  # [..., L] -> [..., 2 L]
        gate, proposed = self.gate(z).sigmoid(), self.proposed(z)
        loc = (1 - gate) * self.linear(z) + gate * proposed
        scale = self.min_scale + softplus(self.scale(proposed.relu()))
        return torch.cat([loc, scale.log()], -1)

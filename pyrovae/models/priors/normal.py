"""Normal with a learned mean and scale as a prior."""

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from .base import Prior


class NormalPrior(Prior):
    """N(m, diag(s^2)) with learned m and s; it starts as N(0, I).

    The KL to a normal posterior has a closed form. The bound gains little: an affine first layer
    of the decoder can undo the shift and the scale. Use it for comparisons, or if z enters the
    model elsewhere.

    Args:
        latent_dim: L.

    Example:
        >>> NormalPrior(3)().log_prob(torch.zeros(3))
        tensor(-2.7568, grad_fn=<SumBackward1>)
    """

    loc: Tensor
    log_scale: Tensor

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        latent_dim = self.latent_dim
        self.loc = nn.Parameter(torch.zeros(latent_dim))
        self.log_scale = nn.Parameter(torch.zeros(latent_dim))

    @torch.no_grad()
    def start_at(self, codes: Tensor, *, seed: int = 0) -> None:
        """Take the mean and the standard deviation of codes [N, L], N >= 2."""
        self.loc.copy_(codes.mean(0))
        self.log_scale.copy_(codes.std(0).clamp(min=1e-12).log())

    def forward(self) -> dist.TorchDistribution:
        return dist.Normal(self.loc, self.log_scale.exp(), validate_args=False).to_event(1)

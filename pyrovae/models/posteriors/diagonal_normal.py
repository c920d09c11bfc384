"""Normal with a diagonal covariance."""

from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from ...nn.two_heads import heads_of
from .base import Posterior


class DiagonalNormal(Posterior):
    """Normal with a diagonal covariance: 2 L parameters.

    The encoder outputs a mean and a log-scale per latent dimension, in one tensor [N, 2 L]. It may
    also give two tensors [N, L]: named as "mu" and "logvar", "loc" and "scale" and the like are
    (in a mapping, a named tuple or a data class), as a `torch.distributions.Normal`, or as a plain
    pair, which is read as mean and **log-variance**. `nn.TwoHeads` says that it is another. A pair
    whose second is positive whatever the data is refused, for it is a scale or a variance.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), sec. 3,
        https://arxiv.org/abs/1312.6114

    Example:
        >>> import torch
        >>> DiagonalNormal(3)(torch.zeros(5, 6)).batch_shape
        torch.Size([5])
    """

    def __init__(self, latent_dim: int) -> None:
        super().__init__(latent_dim)
        self.num_parameters = 2 * self.latent_dim
        self.hint = f", a mean and a log-scale for each of {self.latent_dim}"
        self._is_checked = False  # whether a pair without names was looked at

    def read(self, output: Any, role: str, check: Callable[[Tensor], None]) -> Tensor:  # noqa: ANN401
        heads = heads_of(output, f"the {role}")
        if heads.kind is None and not self._is_checked:
            check(heads.second)
            self.hint = f", a mean and a log-scale for each of {self.latent_dim}"
        self._is_checked = True
        return heads.params()

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        loc, log_scale = params.chunk(2, dim=-1)
        return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(1)

    def placed(self, params: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        loc, log_scale = params.chunk(2, dim=-1)
        z = loc + log_scale.exp() * noise.unsqueeze(1)
        return z, self(params).log_prob(z)

    def natural(self, params: Tensor, gradient: Tensor) -> Tensor:
        """The gradient times the variances for the means, times 1/2 for the log-scales."""
        _, log_scale = params.chunk(2, dim=-1)
        by_loc, by_log_scale = gradient.chunk(2, dim=-1)
        return torch.cat([(2 * log_scale).exp() * by_loc, by_log_scale / 2], dim=-1)

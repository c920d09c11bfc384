"""Mixture of diagonal normals as a posterior."""

from typing import Self

import pyro.distributions as dist
from torch import Tensor

from ...distributions.normal_mixture import NormalMixture
from ...nn.sizes import as_size
from .base import Posterior


class MixturePosterior(Posterior):
    """Mixture of C diagonal normals, for several modes: C (2 L + 1) parameters.

    Any objective trains it, with pathwise gradients. `StratifiedELBO` and `StratifiedIWAE` draw
    equally often from each component, which lowers the variance and keeps components apart.

    Args:
        latent_dim: L.
        num_components: C.

    Raises:
        ConfigError: There is no component, or no latent dimension.

    Source:
        Automatic Differentiation Variational Inference with Mixture Models (Morningstar et al.,
        2021), https://arxiv.org/abs/2003.01687

    Example:
        >>> import torch
        >>> q = MixturePosterior(2, num_components=3)(torch.randn(5, 15))
        >>> q.batch_shape, q.event_shape
        (torch.Size([5]), torch.Size([2]))
    """

    def __init__(self, latent_dim: int, *, num_components: int = 4) -> None:
        super().__init__(latent_dim)
        self.num_components = as_size(num_components, "num_components", "MixturePosterior")
        self.num_parameters = self.num_components * (2 * self.latent_dim + 1)

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        return cls(latent_dim, num_components=2)

    def forward(self, params: Tensor) -> dist.TorchDistribution:
        size = self.num_components * self.latent_dim
        locs, log_scales, logits = params.split([size, size, self.num_components], dim=-1)
        each = (self.num_components, self.latent_dim)
        return NormalMixture(
            locs.unflatten(-1, each), log_scales.unflatten(-1, each).exp(), logits
        )

    def extra_repr(self) -> str:
        return f"num_components={self.num_components}"

"""Mixture of normals as a prior."""

from typing import Self

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ...distributions.mixture import Mixture
from ...errors import ConfigError, DataError
from ...nn.sizes import as_size
from .base import Prior


class MixturePrior(Prior):
    r"""Mixture of K diagonal normals with learned means, log-scales and weights.

    :math:`p(z) = \sum_k \pi_k N(z; m_k, \mathrm{diag}(s_k^2))`. The KL has no closed form:
    objectives that ask for one sample it and report that. A step computes K densities per
    particle.

    Args:
        latent_dim: L.
        num_components: K >= 1.
        spread: Standard deviation of the initial means. With equal means all components would
            learn the same.

    Raises:
        ConfigError: There is no component, or `spread` is negative.

    Source:
        VAE with a VampPrior (Tomczak & Welling, 2018), eq. 10 ("MoG"),
        https://arxiv.org/abs/1705.07120

    Example:
        >>> prior = MixturePrior(2, num_components=5)
        >>> prior().log_prob(torch.zeros(3, 2)).shape, prior().expand([4]).sample().shape
        (torch.Size([3]), torch.Size([4, 2]))
    """

    start_fits = True

    loc: Tensor
    log_scale: Tensor
    logits: Tensor

    def __init__(self, latent_dim: int, *, num_components: int = 50, spread: float = 1.0) -> None:
        super().__init__(latent_dim)
        latent_dim = self.latent_dim
        num_components = as_size(num_components, "num_components", "MixturePrior")
        if not spread >= 0:
            raise ConfigError(
                f"MixturePrior got spread={spread}; it needs a standard deviation, at least 0"
            )
        self.loc = nn.Parameter(spread * torch.randn(num_components, latent_dim))
        self.log_scale = nn.Parameter(torch.zeros(num_components, latent_dim))
        self.logits = nn.Parameter(torch.zeros(num_components))

    @classmethod
    def example(cls, latent_dim: int = 2) -> Self:
        return cls(latent_dim, num_components=3)

    @torch.no_grad()
    def start_at(self, codes: Tensor, *, seed: int = 0, num_starts: int = 5) -> None:
        """Fit the mixture to codes [N, L], by expectation maximisation (scikit-learn).

        Args:
            codes: At least as many as there are components, and at least two.
            seed: Seed of the starts.
            num_starts: Number of starts, of which the best is used.

        Raises:
            DataError: There are too few codes.
        """
        from sklearn.mixture import GaussianMixture  # takes a second; only this needs it

        count = len(self.logits)
        if len(codes) < max(count, 2):
            raise DataError(
                f"MixturePrior.start_at got {len(codes)} data for {count} components; give one "
                "for each at least, or build it with fewer"
            )
        loc, scale = codes.mean(0), codes.std(0).clamp(min=1e-12)
        mixture = GaussianMixture(
            count, covariance_type="diag", max_iter=500, n_init=num_starts, random_state=seed
        )
        mixture.fit(((codes - loc) / scale).double().cpu().numpy())
        means, variances, weights = (
            torch.from_numpy(found).to(codes)
            for found in (mixture.means_, mixture.covariances_, mixture.weights_)
        )
        self.loc.copy_(loc + scale * means)
        self.log_scale.copy_(scale.log() + variances.log() / 2)
        self.logits.copy_(weights.log())

    def forward(self) -> dist.TorchDistribution:
        normals = dist.Normal(self.loc, self.log_scale.exp(), validate_args=False).to_event(1)
        return Mixture(self.logits, normals)

    def extra_repr(self) -> str:
        return f"latent_dim={self.latent_dim}, num_components={len(self.logits)}"

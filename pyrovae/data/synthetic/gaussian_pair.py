"""Base of the pairs with Gaussian posterior and guide: every bound in closed form."""

from abc import abstractmethod

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor, nn
from torch.distributions import MultivariateNormal, kl_divergence

from ...errors import ConfigError
from .base import (
    Affine,
    check_batch,
    check_particles,
    expected_log_mean_from_moments,
    finite_orders,
    gaussian_log_moment,
)
from .exact_pair import ExactPair


class GaussianPair(ExactPair):
    """A pair whose p(z|x) and q(z|x) are normals with covariances that do not depend on x.

    All methods are exact, in nats per datum `[B]`, computed in float64 and differentiable.
    R = w / p(x) is the importance weight relative to the evidence, so that E_q R = 1.

    Source:
        Renyi divergences of Gaussians: Gil, Alajaji & Linder (2013), table 2; van Erven &
        Harremoes (2014), https://arxiv.org/abs/1206.2459; the bound: Burda et al. (2016),
        https://arxiv.org/abs/1509.00519, sec. 3
    """

    @abstractmethod
    def posterior(self, x: Tensor) -> MultivariateNormal:
        """The exact p(z|x), batch shape `[B]`."""

    @abstractmethod
    def _precision(self) -> Tensor:
        """Precision of the posterior `[L, L]`."""

    @abstractmethod
    def _q(self, x: Tensor) -> MultivariateNormal:
        """q(z|x), batch shape `[B]`."""

    def kl_to_posterior(self, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z|x)), the gap of the ELBO."""
        return kl_divergence(self._q(x), self.posterior(x))

    def eubo(self, x: Tensor) -> Tensor:
        """Evidence upper bound log p(x) + KL(p(z|x) || q(z|x))."""
        return self.log_px(x) + kl_divergence(self.posterior(x), self._q(x))

    def iwae(self, x: Tensor, num_particles: int) -> Tensor:
        """Importance-weighted bound E log mean_K w, exact for any K."""
        return self.renyi(x, 0.0, num_particles)

    def renyi(self, x: Tensor, alpha: float, num_particles: int | None = None) -> Tensor:
        """Variational Renyi bound log E_q w^(1-alpha) / (1-alpha), or its K-sample expectation.

        Where the expectation diverges the bound is -inf (alpha > 1) or +inf (alpha < 0).

        Args:
            x: Data `[B, D]`.
            alpha: Order; 1 is the ELBO, 0 the evidence (or, at finite K, the IWAE bound).
            num_particles: K of the estimator log mean_K w^(1-alpha) / (1-alpha) whose
                expectation is wanted; None is the limit of infinitely many.

        Raises:
            ConfigError: `num_particles` is not positive.
            ShapeError: x is not `[B, D]`.
        """
        if alpha == 1:
            return self.elbo(x)
        log_px, power = self.log_px(x), 1 - alpha
        if num_particles is None:
            return log_px + self._log_moment(x, power) / power
        check_particles(num_particles, type(self).__name__)
        mean, covariance = self._whitened(x)
        down, up = finite_orders(covariance)
        if power < 0:
            down, up = up, down
        bound = expected_log_mean_from_moments(
            lambda order: gaussian_log_moment(power * order, mean, covariance),
            num_particles,
            down=down / abs(power),
            up=up / abs(power),
        )
        return log_px + bound / power

    def weight_moment(self, x: Tensor, order: float) -> Tensor:
        """E_q R^order; infinite where it diverges."""
        return self._log_moment(x, order).exp()

    def weight_variance(self, x: Tensor) -> Tensor:
        """Var R; infinite where 2 Lambda_p - Lambda_q is not positive definite."""
        return self.weight_moment(x, 2.0) - 1

    def ess(self, x: Tensor) -> Tensor:
        """Effective sample size per particle as K grows: 1 / E R^2, in (0, 1]."""
        return 1 / self.weight_moment(x, 2.0)

    def _double(self, x: Tensor) -> Tensor:
        check_batch(x, self.data_dim, type(self).__name__)
        return x.double()

    def _whitened(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The guide's mean `[B, L]` and covariance `[L, L]` where the posterior is N(0, I)."""
        whiten, q = torch.linalg.cholesky(self._precision()), self._q(x)
        spread = whiten.T @ q.scale_tril[0]
        return (q.loc - self.posterior(x).loc) @ whiten, spread @ spread.T

    def _log_moment(self, x: Tensor, order: float) -> Tensor:
        orders = torch.tensor([order], dtype=torch.float64)
        return gaussian_log_moment(orders, *self._whitened(x))[0]


class AffineNormal(Affine):
    """N(weight u + loc, scale): the likelihood given z, or the guide given x.

    `lower` is the Cholesky factor of a full covariance; only its part below the diagonal is used.

    Raises:
        ConfigError: A scale is not positive; `where` names the owner in the message.
    """

    def __init__(
        self,
        weight: Tensor | None,
        loc: Tensor,
        scale: Tensor,
        scale_tril: Tensor | None = None,
        *,
        where: str,
    ) -> None:
        super().__init__(weight, loc)
        if not bool((scale > 0).all()):
            raise ConfigError(f"{where}: scales must be positive, got {scale.tolist()}")
        self.log_scale = nn.Parameter(scale.detach().log())
        self.lower = None if scale_tril is None else nn.Parameter(scale_tril.detach().clone())

    def forward(self, u: Tensor) -> TorchDistributionMixin:  # [..., in] -> event [out]
        if self.lower is None:
            return dist.Normal(self.affine(u), self.log_scale.exp()).to_event(1)
        return dist.MultivariateNormal(self.affine(u), scale_tril=self.scale_tril().to(u.dtype))

    def scale_tril(self) -> Tensor:  # [out, out], float64
        diagonal = self.log_scale.double().exp().expand(self.loc.shape).diag()
        return diagonal if self.lower is None else diagonal + self.lower.double().tril(-1)

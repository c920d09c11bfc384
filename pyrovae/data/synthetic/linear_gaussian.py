"""A linear-Gaussian pair, exact in closed form."""

import math
from typing import Self

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from ...errors import ConfigError, ShapeError
from .base import check_batch
from .gaussian_pair import AffineNormal, GaussianPair


class LinearGaussian(GaussianPair):
    r"""The pair p(z) = N(0, I), p(x|z) = N(Wz + b, sigma^2 I) and q(z|x) = N(Ax + c, SS^T).

    `model` and `guide` are Pyro programs with the sites "z" `[L]` and "x" `[D]` in the plate
    "batch". All other methods are exact, in nats per datum `[B]`, computed in float64 and
    differentiable with respect to every parameter and the data: see `GaussianPair`.

    Args:
        weight: W `[D, L]`. Its dtype and device become the pair's.
        bias: b `[D]`.
        scale: Standard deviation sigma of the likelihood, positive.
        q_loc: c `[L]`. Without it the guide starts as the exact posterior.
        q_scale: Standard deviations `[L]` of a diagonal guide.
        q_scale_tril: S `[L, L]`, lower triangular, of a full-covariance guide.
        q_weight: A `[L, D]`. Without it the guide ignores the data.
        name: Prefix of the parameters' names in Pyro's store; two pairs in one process need two.

    Raises:
        ConfigError: A scale is not positive, or the guide's arguments do not fit together.
        ShapeError: An argument's shape does not fit `weight`.

    Source:
        Pattern Recognition and Machine Learning (Bishop, 2006), sec. 2.3.3 and 12.2

    Example:
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = pair.sample(3, seed=1)  # [3, 5]
        >>> bool((pair.elbo(x) < pair.iwae(x, 10)).all())
        True
        >>> bool((pair.iwae(x, 10) < pair.log_px(x)).all())
        True
    """

    encoder: AffineNormal

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        scale: float | Tensor,
        *,
        q_loc: Tensor | None = None,
        q_scale: Tensor | None = None,
        q_scale_tril: Tensor | None = None,
        q_weight: Tensor | None = None,
        name: str = "linear_gaussian",
    ) -> None:
        super().__init__()
        if weight.ndim != 2:
            raise ShapeError(f"LinearGaussian: weight has shape {list(weight.shape)}, not [D, L]")
        _check_shapes(
            weight,
            bias=bias,
            q_loc=q_loc,
            q_scale=q_scale,
            q_scale_tril=q_scale_tril,
            q_weight=q_weight,
        )
        self.data_dim, self.latent_dim = weight.shape
        self.name = name
        sigma = torch.as_tensor(scale, dtype=weight.dtype, device=weight.device)
        self.decoder = AffineNormal(weight, bias, sigma, where="LinearGaussian")
        if q_loc is None:
            if not (q_scale is None and q_scale_tril is None and q_weight is None):
                raise ConfigError("LinearGaussian: the guide also needs q_loc; zeros are allowed")
            q_weight, q_loc, q_scale_tril = (t.to(weight) for t in self._affine_posterior())
        if q_scale_tril is not None and q_scale is None:
            q_scale = q_scale_tril.diagonal()
        elif q_scale is None or q_scale_tril is not None:
            raise ConfigError("LinearGaussian: the guide needs either q_scale or q_scale_tril")
        self.encoder = AffineNormal(q_weight, q_loc, q_scale, q_scale_tril, where="LinearGaussian")

    @classmethod
    def random(
        cls, data_dim: int, latent_dim: int, *, seed: int, dtype: torch.dtype = torch.float64
    ) -> Self:
        """A random pair whose amortised diagonal guide misses the posterior, with Var R finite."""
        rng = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=rng, dtype=torch.float64)

        weight, bias = normal(data_dim, latent_dim) / latent_dim**0.5, 0.5 * normal(data_dim)
        scale = 0.5 + 0.5 * torch.rand((), generator=rng).item()
        pair = cls(weight, bias, scale)
        precision = pair._precision().detach()
        q_scale = (0.1 * normal(latent_dim)).exp() * precision.diagonal() ** -0.5
        ratio = torch.linalg.eigvalsh(q_scale[:, None] * precision * q_scale).min().item()
        q_weight, q_loc, _ = (tensor.detach() for tensor in pair._affine_posterior())
        return cls(
            weight.to(dtype),
            bias.to(dtype),
            scale,
            q_loc=(q_loc + 0.2 * q_scale * normal(latent_dim)).to(dtype),
            # Var R is finite where the guide's variance exceeds half the posterior's.
            q_scale=(q_scale * max(1.0, 0.7 / ratio) ** 0.5).to(dtype),
            q_weight=(q_weight * (1 + 0.1 * normal(latent_dim, data_dim))).to(dtype),
        )

    def model(self, x: Tensor) -> None:
        """p(z)p(x|z) over a batch x `[B, D]`."""
        check_batch(x, self.data_dim, "LinearGaussian.model")
        pyro.module(f"{self.name}.decoder", self.decoder)
        with pyro.plate("batch", x.shape[0]):
            zeros = x.new_zeros(self.latent_dim)
            z = pyro.sample("z", dist.Normal(zeros, 1.0).to_event(1))
            pyro.sample("x", self.decoder(z), obs=x)

    @torch.no_grad()
    def sample(self, n: int, seed: int) -> Tensor:
        """Data from the model, `[n, D]`."""
        rng = torch.Generator().manual_seed(seed)
        loc, scale = self.decoder.loc, self.decoder.log_scale.exp()
        z = torch.randn(n, self.latent_dim, generator=rng, dtype=torch.float64).to(loc)
        noise = torch.randn(n, self.data_dim, generator=rng, dtype=torch.float64).to(loc)
        return self.decoder.affine(z) + scale * noise

    def log_px(self, x: Tensor) -> Tensor:
        """Evidence log p(x)."""
        weight, bias, variance = self._likelihood()
        eye = torch.eye(self.data_dim).to(weight)
        marginal = MultivariateNormal(bias, weight @ weight.T + variance * eye)
        return marginal.log_prob(self._double(x))

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """The exact p(z|x), batch shape `[B]`, event shape `[L]`."""
        q_weight, q_loc, scale_tril = self._affine_posterior()
        return MultivariateNormal(self._double(x) @ q_weight.T + q_loc, scale_tril=scale_tril)

    def reconstruction(self, x: Tensor) -> Tensor:
        """E_q log p(x|z)."""
        weight, bias, variance = self._likelihood()
        q = self._q(x)
        error = self._double(x) - bias - q.loc @ weight.T
        spread = (weight @ self.encoder.scale_tril()).square().sum()
        normaliser = self.data_dim * (2 * math.pi * variance).log()
        return -0.5 * (normaliser + (error.square().sum(-1) + spread) / variance)

    def kl(self, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z))."""
        q = self._q(x)
        prior = MultivariateNormal(torch.zeros_like(q.loc), torch.eye(self.latent_dim).to(q.loc))
        return kl_divergence(q, prior)

    def _likelihood(self) -> tuple[Tensor, Tensor, Tensor]:  # W [D, L], b [D], sigma^2 []
        bias = self.decoder.loc.double()
        weight = self.decoder.linear(torch.eye(self.latent_dim).to(bias)).T
        return weight, bias, (2 * self.decoder.log_scale.double()).exp()

    def _precision(self) -> Tensor:  # of the posterior, [L, L]
        weight, _, variance = self._likelihood()
        return torch.eye(self.latent_dim).to(weight) + weight.T @ weight / variance

    def _affine_posterior(self) -> tuple[Tensor, Tensor, Tensor]:  # A [L, D], c [L], S [L, L]
        weight, bias, variance = self._likelihood()
        covariance = torch.linalg.inv(self._precision())
        q_weight = covariance @ weight.T / variance
        return q_weight, -q_weight @ bias, torch.linalg.cholesky(covariance)

    def _q(self, x: Tensor) -> MultivariateNormal:
        loc = self.encoder.affine(self._double(x))
        return MultivariateNormal(loc, scale_tril=self.encoder.scale_tril())


def _check_shapes(weight: Tensor, **others: Tensor | None) -> None:
    sizes = {"D": weight.shape[0], "L": weight.shape[1]}
    needed = {"bias": "D", "q_loc": "L", "q_scale": "L", "q_scale_tril": "LL", "q_weight": "LD"}
    for key, value in others.items():
        shape = [sizes[letter] for letter in needed[key]]
        if value is not None and list(value.shape) != shape:
            raise ShapeError(
                f"LinearGaussian: {key} has shape {list(value.shape)}, needs {shape} for a weight "
                f"[D, L] = {list(weight.shape)}"
            )

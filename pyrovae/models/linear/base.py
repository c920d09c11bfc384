"""Base of the linear VAEs: model, guide, and exact evidence, posterior and bound."""

import math
from abc import ABC
from typing import Literal, Self

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ...errors import ConfigError
from ...nn import Shape
from ...nn.sizes import as_shape, as_size
from ..any_data import takes_any_data, takes_whole_data
from ..base import Family, Latent, check_data, drawn_count, latent_of, mean_or_draw


class LinearDecoder(nn.Module):
    """Mean W z + m and standard deviations of x given z.

    Attributes:
        weight: W [D, L].
        loc: m [D].
        log_scale: Logarithm of the noise, one for all dimensions [] or one for each [D].
    """

    def __init__(self, data_dim: int, latent_dim: int, noise_shape: Shape) -> None:
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(data_dim, latent_dim))
        self.loc = nn.Parameter(torch.zeros(data_dim))
        self.log_scale = nn.Parameter(torch.zeros(noise_shape))

    def forward(self, z: Tensor) -> Tensor:  # [..., L] -> [..., D]
        return z @ self.weight.T + self.loc


class LinearEncoder(nn.Module):
    """Mean V (x - c) of z given x, and the covariance S that all data share.

    Attributes:
        weight: V [L, D].
        center: c [D].
        log_scale: Logarithm of the diagonal of S's Cholesky factor [L].
        lower: The elements below the diagonal [L, L], others unused; None for a diagonal S.
    """

    lower: nn.Parameter | None

    def __init__(self, data_dim: int, latent_dim: int, full: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(latent_dim, data_dim))
        self.center = nn.Parameter(torch.zeros(data_dim))
        self.log_scale = nn.Parameter(torch.zeros(latent_dim))
        lower = nn.Parameter(torch.zeros(latent_dim, latent_dim)) if full else None
        self.register_parameter("lower", lower)

    def forward(self, x: Tensor) -> Tensor:  # [..., D] -> [..., L]
        return (x - self.center) @ self.weight.T

    def scale_tril(self) -> Tensor:
        """The Cholesky factor of S [L, L]."""
        diagonal = self.log_scale.exp().diag()
        return diagonal if self.lower is None else diagonal + self.lower.tril(-1)


class LinearVAE(Family, ABC):
    r"""z ~ N(0, I), x ~ N(Wz + m, Psi); guide z ~ N(V(x - c), S), S the same for all data.

    It is the VAE without hidden layers. Evidence, posterior and bound are known in closed form,
    and the guide can be exact. `model` and `guide` have the sites "z" (event [L]) and "x" in the
    plate "data". The form of the noise Psi makes it probabilistic PCA or factor analysis.

    Args:
        data_shape: Shape of one datum; D is the number of its elements.
        latent_dim: L.
        covariance: Form of S. A diagonal S is exact if the columns of W are orthogonal, which
            training makes them.
        init_scale: Initial standard deviation of the noise, in units of the data.
        learn_scale: Learn it. Otherwise the weight beta of `objectives.Beta` alone decides how
            many directions are used.
        min_scale: Smallest standard deviation. Without it the noise of a constant element would
            shrink, and its density grow, without bound.

    Attributes:
        noise_by_dimension: Whether the noise has one scale per dimension, or one for all.

    Raises:
        ConfigError: A size or a scale is out of range.
    """

    noise_by_dimension: bool

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        covariance: Literal["full", "diagonal"] = "full",
        init_scale: float = 1.0,
        learn_scale: bool = True,
        min_scale: float = 1e-3,
    ) -> None:
        super().__init__()
        where = type(self).__name__
        if covariance not in ("full", "diagonal"):
            raise ConfigError(f"{where} got covariance={covariance!r}; it is 'full' or 'diagonal'")
        if not 0 < min_scale <= init_scale < math.inf:
            raise ConfigError(
                f"{where} got init_scale={init_scale} and min_scale={min_scale}; it needs finite "
                "standard deviations above 0, the floor no larger than the start"
            )
        self.data_shape = as_shape(data_shape, "data_shape", where)
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", where)
        self.data_dim = math.prod(self.data_shape)
        self.min_scale = min_scale
        noise_shape = (self.data_dim,) if self.noise_by_dimension else ()
        self.decoder = LinearDecoder(self.data_dim, latent_dim, noise_shape)
        self.encoder = LinearEncoder(self.data_dim, latent_dim, covariance == "full")
        nn.init.constant_(self.decoder.log_scale, math.log(init_scale))
        self.decoder.log_scale.requires_grad_(learn_scale)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2)

    @takes_whole_data
    @torch.no_grad()
    def start(self, x: Tensor, *, seed: int = 0) -> None:
        """Set both means to that of the data [N, *data_shape], and learned noise to their spread.

        It saves steps of training; gradients reach the same optimum without.
        """
        check_data(x, self.data_shape, f"{type(self).__name__}.start")
        data, noise = x.flatten(1), self.decoder.log_scale
        self.decoder.loc.copy_(data.mean(0))
        self.encoder.center.copy_(data.mean(0))
        if noise.requires_grad:
            spread = (data - data.mean(0)).square().mean(0)
            spread = spread.mean() if noise.dim() == 0 else spread
            noise.copy_(spread.clamp(min=self.min_scale**2).log() / 2)

    def model(self, x: Tensor) -> None:
        """p(z)p(x|z) over a batch x [B, *data_shape]."""
        self.declare("decoder")
        check_data(x, self.data_shape, f"{type(self).__name__}.model")
        with pyro.plate("data", x.shape[0]):
            zero = x.new_zeros(self.latent_dim)
            z = pyro.sample("z", dist.Normal(zero, zero + 1, validate_args=False).to_event(1))
            pyro.sample("x", self.decode(z), obs=x)

    def guide(self, x: Tensor) -> None:
        """q(z|x) over a batch x [B, *data_shape]."""
        self.declare("encoder")
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", self.encode(x))

    @takes_any_data
    def encode(self, x: Tensor) -> dist.TorchDistribution:
        """The guide's q(z|x), batch shape [B], event shape [L]; `posterior` is the exact one."""
        check_data(x, self.data_shape, f"{type(self).__name__}.encode")
        loc = self.encoder(x.flatten(1))
        if self.encoder.lower is None:
            scale = self.encoder.log_scale.exp()
            return dist.Normal(loc, scale, validate_args=False).to_event(1)
        tril = self.encoder.scale_tril().expand(*loc.shape, self.latent_dim)
        return dist.MultivariateNormal(loc, scale_tril=tril, validate_args=False)

    def decode(self, z: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|z), event shape `data_shape`, for z [..., L]."""
        loc = self.decoder(z).reshape(*z.shape[:-1], *self.data_shape)
        scale = self.variance().sqrt().reshape(self.data_shape)
        normal = dist.Normal(loc, scale, validate_args=False)
        return normal.to_event(len(self.data_shape))

    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True) -> Tensor:
        """Draw z from the prior; the mean of p(x|z), or a draw from it [n, *data_shape]."""
        count = drawn_count(n, f"{type(self).__name__}.generate")
        made = self.decode(torch.randn_like(self.decoder.weight[:1].expand(count, -1)))
        return mean_or_draw(made, mean)

    @takes_any_data
    @torch.no_grad()
    def reconstruct(self, x: Tensor, *, mean: bool = True, latent: Latent = "sample") -> Tensor:
        """Encode x and decode it again: the mean of p(x|z), or a draw from it [B, *data_shape].

        Args:
            x: Data [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
            mean: The mean of p(x|z); else a draw.
            latent: z is a draw from q(z|x), "sample", or its mean, "mean".
        """
        return mean_or_draw(self.decode(latent_of(self.encode(x), latent)), mean)

    def variance(self) -> Tensor:
        """Variance of the noise, in squared units of the data [D]."""
        scale = self.decoder.log_scale.exp().clamp(min=self.min_scale)
        return scale.square().expand(self.data_dim)

    def precision(self, beta: float = 1.0) -> Tensor:
        """Precision of the best guide for a KL weight beta [L, L]: I + W' Psi^-1 W / beta."""
        weight = self.decoder.weight
        eye = torch.eye(self.latent_dim, dtype=weight.dtype, device=weight.device)
        return eye + (weight.T / self.variance()) @ weight / beta

    def log_px(self, x: Tensor) -> Tensor:
        """Evidence log p(x) = log N(x; m, WW' + Psi), exact, in nats [B]."""
        check_data(x, self.data_shape, f"{type(self).__name__}.log_px")
        d = self.decoder
        marginal = dist.LowRankMultivariateNormal(d.loc, d.weight, self.variance())
        return marginal.log_prob(x.flatten(1))

    def posterior(self, x: Tensor) -> dist.MultivariateNormal:
        """The exact p(z|x), batch shape [B], event shape [L]."""
        check_data(x, self.data_shape, f"{type(self).__name__}.posterior")
        d, precision = self.decoder, self.precision()
        centred = (x.flatten(1) - d.loc) / self.variance()
        loc = torch.linalg.solve(precision, (centred @ d.weight).T).T
        return dist.MultivariateNormal(loc, precision_matrix=precision.expand(len(x), -1, -1))

    def elbo(self, x: Tensor, beta: float = 1.0) -> Tensor:
        """The bound E_q log p(x|z) - beta KL(q || p), exact, in nats [B].

        Its mean over q(x) is -KL(q(x) q(z|x) || p(x, z)) - H(q(x)) at beta = 1: training moves
        one joint towards the other.
        """
        check_data(x, self.data_shape, f"{type(self).__name__}.elbo")
        d, tril, variance = self.decoder, self.encoder.scale_tril(), self.variance()
        loc = self.encoder(x.flatten(1))
        error = (x.flatten(1) - d(loc)).square() + (d.weight @ tril).square().sum(-1)
        log_lik = -0.5 * ((2 * math.pi * variance).log() + error / variance).sum(-1)
        spread = tril.square().sum() - self.latent_dim - 2 * self.encoder.log_scale.sum()
        return log_lik - beta * 0.5 * (loc.square().sum(-1) + spread)

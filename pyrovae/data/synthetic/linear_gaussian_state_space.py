"""A linear-Gaussian state-space model, exact by Kalman's filter."""

import math
from typing import Self

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ...distributions.affine_chain import AffineChain
from ...errors import ConfigError, ShapeError
from .kalman import Dynamics, KalmanFilter, kalman_filter, posterior_chain, smoothed


class LinearGaussianStateSpace(nn.Module):
    r"""z_1 ~ N(m, P), z_t = A z_(t-1) + b + noise, x_t = C z_t + d + noise, all normal.

    `model` and `guide` are Pyro programs over sequences x `[B, T, D]`, T of any length, with the
    sites "z" (event `[T, L]`) and "x" (event `[T, D]`) in the plate "data". The guide is the exact
    posterior with each step's standard deviation times `spread`. The other methods are exact, in
    nats per sequence `[B]`, computed in float64 and differentiable.

    Args:
        transition: A `[L, L]`. Its dtype and device become the pair's.
        emission: C `[D, L]`.
        process_scale: Standard deviations of z_t given z_(t-1) `[L]`.
        noise_scale: Of x_t given z_t `[D]`.
        initial_loc: m `[L]`; zeros by default.
        initial_scale: Standard deviations of z_1 `[L]`; ones by default.
        drift: b `[L]`; zeros by default.
        bias: d `[D]`; zeros by default.
        spread: At 1 every bound is log p(x).
        name: Prefix of the parameters' names in Pyro's store.

    Raises:
        ConfigError: A scale is not positive.
        ShapeError: An argument's shape does not fit `transition` or `emission`.

    Source:
        Pattern Recognition and Machine Learning (Bishop, 2006), sec. 13.3

    Example:
        >>> pair = LinearGaussianStateSpace.random(data_dim=3, latent_dim=2, seed=0)
        >>> x = pair.sample(4, num_steps=20, seed=1)  # [4, 20, 3]
        >>> pair.log_px(x).shape, pair.posterior(x).mean.shape
        (torch.Size([4]), torch.Size([4, 20, 2]))
    """

    initial_loc: Tensor
    log_initial_scale: Tensor
    transition: Tensor
    drift: Tensor
    log_process_scale: Tensor
    emission: Tensor
    bias: Tensor
    log_noise_scale: Tensor

    def __init__(
        self,
        transition: Tensor,
        emission: Tensor,
        *,
        process_scale: Tensor,
        noise_scale: Tensor,
        initial_loc: Tensor | None = None,
        initial_scale: Tensor | None = None,
        drift: Tensor | None = None,
        bias: Tensor | None = None,
        spread: float = 1.0,
        name: str = "state_space",
    ) -> None:
        super().__init__()
        if transition.dim() != 2 or emission.dim() != 2:
            raise ShapeError(
                f"LinearGaussianStateSpace got transition {list(transition.shape)} and emission "
                f"{list(emission.shape)}; it needs [L, L] and [D, L]"
            )
        size, data_dim = len(transition), len(emission)
        zeros, ones = transition.new_zeros(size), transition.new_ones(size)
        given = {
            "transition": (transition, (size, size)),
            "emission": (emission, (data_dim, size)),
            "process_scale": (process_scale, (size,)),
            "noise_scale": (noise_scale, (data_dim,)),
            "initial_loc": (zeros if initial_loc is None else initial_loc, (size,)),
            "initial_scale": (ones if initial_scale is None else initial_scale, (size,)),
            "drift": (zeros if drift is None else drift, (size,)),
            "bias": (transition.new_zeros(data_dim) if bias is None else bias, (data_dim,)),
        }
        for key, (value, shape) in given.items():
            if tuple(value.shape) != shape:
                raise ShapeError(
                    f"LinearGaussianStateSpace: {key} has shape {list(value.shape)} and needs "
                    f"{list(shape)}"
                )
            if key.endswith("scale"):
                if not bool((value > 0).all()):
                    raise ConfigError(
                        f"LinearGaussianStateSpace: {key} must be positive, got {value.tolist()}"
                    )
                key, value = f"log_{key}", value.log()
            self.register_parameter(key, nn.Parameter(value.detach().to(transition).clone()))
        if not spread > 0:
            raise ConfigError(f"LinearGaussianStateSpace got spread={spread}; it is above 0")
        self.latent_dim, self.data_dim, self.spread, self.name = size, data_dim, spread, name

    @classmethod
    def random(
        cls, data_dim: int, latent_dim: int, *, seed: int, spread: float = 1.0,
        dtype: torch.dtype = torch.float64,
    ) -> Self:  # fmt: skip
        """A random stable one: A is 0.9 times a rotation."""
        rng = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)

        rotation = torch.linalg.qr(normal(latent_dim, latent_dim).double())[0].to(dtype)
        return cls(
            0.9 * rotation,
            normal(data_dim, latent_dim),
            process_scale=0.3 + 0.4 * normal(latent_dim).sigmoid(),
            noise_scale=0.3 + 0.6 * normal(data_dim).sigmoid(),
            initial_loc=normal(latent_dim),
            drift=0.1 * normal(latent_dim),
            bias=0.5 * normal(data_dim),
            spread=spread,
        )

    def model(self, x: Tensor) -> None:
        """p(z)p(x|z) over sequences x `[B, T, D]`."""
        self._check(x, "model")
        pyro.module(self.name, self)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self.chain(x.shape[1]))
            loc = z @ self.emission.T + self.bias
            pyro.sample("x", dist.Normal(loc, self.log_noise_scale.exp()).to_event(2), obs=x)

    def guide(self, x: Tensor) -> None:
        """Draws the states of each sequence: x `[B, T, D]`."""
        self._check(x, "guide")
        pyro.module(self.name, self)
        exact = self.posterior(x)
        weight, offset, factor = (
            part.to(x.dtype)
            for part in (exact.weight, exact.offset, self.spread * exact.scale_tril)
        )
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", AffineChain(weight, offset, factor))

    def chain(self, num_steps: int) -> AffineChain:
        """The prior p(z), event shape `[T, L]`."""
        first, later = self.log_initial_scale.exp().diag(), self.log_process_scale.exp().diag()
        count = num_steps - 1
        return AffineChain(
            self.transition.expand(num_steps, -1, -1),
            torch.cat([self.initial_loc[None], self.drift.expand(count, -1)]),
            torch.cat([first[None], later.expand(count, -1, -1)]),
        )

    @torch.no_grad()
    def sample(self, n: int, num_steps: int, seed: int) -> Tensor:
        """Data from the model, `[n, T, D]`."""
        rng = torch.Generator().manual_seed(seed)

        def noise(scale: Tensor) -> Tensor:
            drawn = torch.randn(n, len(scale), generator=rng, dtype=torch.float64)
            return scale * drawn.to(scale)

        found, z = [], self.initial_loc + noise(self.log_initial_scale.exp())
        for t in range(num_steps):
            if t:
                z = z @ self.transition.T + self.drift + noise(self.log_process_scale.exp())
            found.append(z @ self.emission.T + self.bias + noise(self.log_noise_scale.exp()))
        return torch.stack(found, 1)

    def log_px(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Evidence log p(x), by Kalman's filter; with lengths `[B]` of the steps up to those."""
        logs = self.filter(x).log_steps
        if lengths is None:
            return logs.sum(1)
        return logs.cumsum(1).gather(1, lengths.unsqueeze(1) - 1).squeeze(1)

    def elbo(self, x: Tensor) -> Tensor:
        """Evidence lower bound of the guide: log p(x) minus `kl_to_posterior`."""
        return self.log_px(x) - self.kl_to_posterior(x)

    def kl_to_posterior(self, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z|x)), the same for all sequences of one length."""
        each = 0.5 * (self.spread**2 - 1) - math.log(self.spread)
        return x.new_full((len(x),), each * x.shape[1] * self.latent_dim, dtype=torch.float64)

    def posterior(self, x: Tensor) -> AffineChain:
        """The exact p(z|x), batch shape `[B]`, event shape `[T, L]`, with moments by `mean`."""
        return posterior_chain(self.dynamics(), self._check(x, "posterior").double())

    def filter(self, x: Tensor) -> KalmanFilter:
        """The states given the data up to each step."""
        return kalman_filter(self.dynamics(), self._check(x, "filter").double())

    def smooth(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean `[B, T, L]` and covariance `[T, L, L]` of the states given all data."""
        return smoothed(self.dynamics(), self.filter(x))

    def forecast(self, x: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
        """Mean `[B, H, D]` and covariance `[H, D, D]` of each of the next H steps of the data."""
        of, found = self.dynamics(), self.filter(x)
        mean, cov = found.means[:, -1], found.covs[-1]
        steps = []
        for _ in range(horizon):
            mean, cov = of.ahead(mean, cov)
            steps.append(of.emitted(mean, cov))
        means, covs = zip(*steps, strict=True)
        return torch.stack(means, 1), torch.stack(covs)

    def dynamics(self) -> Dynamics:
        """The parameters in float64, with covariances in the place of scales."""

        def square(log_scale: Tensor) -> Tensor:
            return (2 * log_scale.double()).exp().diag()

        return Dynamics(
            self.initial_loc.double(), square(self.log_initial_scale), self.transition.double(),
            self.drift.double(), square(self.log_process_scale), self.emission.double(),
            self.bias.double(), square(self.log_noise_scale),
        )  # fmt: skip

    def _check(self, x: Tensor, method: str) -> Tensor:
        if x.dim() != 3 or x.shape[2] != self.data_dim or not x.shape[1]:
            raise ShapeError(
                f"LinearGaussianStateSpace.{method} got data of shape {list(x.shape)}, needs "
                f"[B, T, {self.data_dim}]; a single sequence is x[None]"
            )
        return x

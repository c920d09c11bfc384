"""A pair with binary latents, whose expectations are finite sums."""

import math
from typing import Self

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import Tensor
from torch.nn.functional import logsigmoid

from ...errors import ConfigError, ShapeError, SupportError
from .base import Affine, check_batch, check_particles, expected_log_mean
from .exact_pair import ExactPair

_MAX_LATENTS = 12  # 2^12 states


class DiscreteLatent(ExactPair):
    r"""z in {0,1}^L with independent Bernoulli prior, x|z Bernoulli(logits Wz + b), mean-field q.

    `model` and `guide` are Pyro programs with the sites "z" `[L]` and "x" `[D]` in the plate
    "batch"; neither site has a reparameterised sampler. All other methods are exact sums over
    the 2^L states, in nats per datum `[B]`, computed in float64 and differentiable.

    Args:
        prior_probs: p(z_l = 1) `[L]`, strictly between 0 and 1; L <= 12.
        weight: W `[D, L]`. Its dtype and device become the pair's.
        bias: b `[D]`.
        q_logits: Logits `[L]` of the guide.
        q_weight: `[L, D]`; the guide's logits are then q_weight x + q_logits. Without it the
            guide ignores the data.
        name: Prefix of the parameters' names in Pyro's store; two pairs in one process need two.

    Raises:
        ConfigError: A prior probability is not inside (0, 1), or there are too many latents.
        ShapeError: An argument's shape does not fit `weight`.

    Example:
        >>> pair = DiscreteLatent.random(data_dim=4, latent_dim=3, seed=0)
        >>> x = pair.sample(5, seed=1)  # [5, 4]
        >>> bool((pair.elbo(x) < pair.iwae(x, 10)).all())
        True
        >>> pair.posterior_marginals(x).shape
        torch.Size([5, 3])
    """

    states: Tensor

    def __init__(
        self,
        prior_probs: Tensor,
        weight: Tensor,
        bias: Tensor,
        q_logits: Tensor,
        *,
        q_weight: Tensor | None = None,
        name: str = "discrete_latent",
    ) -> None:
        super().__init__()
        if weight.ndim != 2:
            raise ShapeError(f"DiscreteLatent: weight has shape {list(weight.shape)}, not [D, L]")
        self.data_dim, self.latent_dim = weight.shape
        self.name = name
        for key, value, shape in (
            ("prior_probs", prior_probs, (self.latent_dim,)),
            ("bias", bias, (self.data_dim,)),
            ("q_logits", q_logits, (self.latent_dim,)),
            ("q_weight", q_weight, (self.latent_dim, self.data_dim)),
        ):
            if value is not None and value.shape != shape:
                raise ShapeError(f"DiscreteLatent: {key} {list(value.shape)} is not {list(shape)}")
        if self.latent_dim > _MAX_LATENTS:
            raise ConfigError(
                f"DiscreteLatent enumerates 2^L states and got L={self.latent_dim}; "
                f"L <= {_MAX_LATENTS} is needed"
            )
        if not bool(((prior_probs > 0) & (prior_probs < 1)).all()):
            raise ConfigError("DiscreteLatent: prior_probs must lie strictly between 0 and 1")
        self.prior = _AffineBernoulli(None, prior_probs.logit())
        self.decoder = _AffineBernoulli(weight, bias)
        self.encoder = _AffineBernoulli(q_weight, q_logits)
        place = 2 ** torch.arange(self.latent_dim - 1, -1, -1)
        states = (torch.arange(2**self.latent_dim)[:, None] // place) % 2
        self.register_buffer("states", states.to(weight), persistent=False)  # [2^L, L]

    @classmethod
    def random(
        cls, data_dim: int, latent_dim: int, *, seed: int, dtype: torch.dtype = torch.float64
    ) -> Self:
        """A random pair with an amortised guide that is not the posterior."""
        rng = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=rng, dtype=torch.float64).to(dtype)

        return cls(
            normal(latent_dim).sigmoid(),
            1.5 * normal(data_dim, latent_dim),
            0.5 * normal(data_dim),
            0.5 * normal(latent_dim),
            q_weight=0.5 * normal(latent_dim, data_dim),
        )

    def model(self, x: Tensor) -> None:
        """p(z)p(x|z) over a batch x `[B, D]` of zeros and ones."""
        check_batch(x, self.data_dim, "DiscreteLatent.model")
        pyro.module(f"{self.name}.prior", self.prior)
        pyro.module(f"{self.name}.decoder", self.decoder)
        with pyro.plate("batch", x.shape[0]):
            z = pyro.sample("z", self.prior(x))
            pyro.sample("x", self.decoder(z), obs=x)

    @torch.no_grad()
    def sample(self, n: int, seed: int) -> Tensor:
        """Data from the model, `[n, D]`."""
        rng = torch.Generator().manual_seed(seed)

        def draw(logits: Tensor) -> Tensor:
            uniform = torch.rand(n, logits.shape[-1], generator=rng, dtype=torch.float64)
            return (uniform.to(logits.device) < logits.double().sigmoid()).to(logits)

        return draw(self.decoder.affine(draw(self.prior.loc)))

    def log_px(self, x: Tensor) -> Tensor:
        """Evidence log p(x)."""
        return (self._log_prior() + self._log_lik(x)).logsumexp(-1)

    def posterior(self, x: Tensor) -> Tensor:
        """The exact p(z|x) as a table `[B, 2^L]`; column s belongs to `states[s]`."""
        return self._log_posterior(x).exp()

    def posterior_marginals(self, x: Tensor) -> Tensor:
        """p(z_l = 1 | x), `[B, L]`."""
        return self.posterior(x) @ self.states.double()

    def reconstruction(self, x: Tensor) -> Tensor:
        """E_q log p(x|z)."""
        return (self._log_q(x).exp() * self._log_lik(x)).sum(-1)

    def kl(self, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z))."""
        log_q = self._log_q(x)
        return (log_q.exp() * (log_q - self._log_prior())).sum(-1)

    def kl_to_posterior(self, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z|x)), the gap of the ELBO."""
        log_q = self._log_q(x)
        return (log_q.exp() * (log_q - self._log_posterior(x))).sum(-1)

    def iwae(self, x: Tensor, num_particles: int) -> Tensor:
        """Importance-weighted bound E log mean_K w, exact for any K.

        Raises:
            ConfigError: `num_particles` is not positive.
            ShapeError: x is not `[B, D]`.
            SupportError: x holds other values than 0 and 1.

        Source:
            Importance Weighted Autoencoders (Burda et al., 2016), sec. 3,
            https://arxiv.org/abs/1509.00519
        """
        check_particles(num_particles, "DiscreteLatent.iwae")
        log_q = self._log_q(x)
        log_r = self._log_posterior(x) - log_q  # the weight relative to p(x): E_q R = 1

        def log_laplace(log_tau: Tensor) -> Tensor:  # [T] -> [T, B]
            # exp(50) stands for infinity and has a finite gradient.
            tau_r = (log_tau[:, None, None] + log_r).clamp(max=50).exp()
            small, large = tau_r[log_tau <= 0], tau_r[log_tau > 0]
            near = torch.log1p((log_q.exp() * torch.expm1(-small)).sum(-1))
            return torch.cat([near, (log_q - large).logsumexp(-1)])

        upper = math.log(num_particles) + 4 - log_r.min().item()
        mean = expected_log_mean(
            log_laplace, num_particles, lower=-32.0, upper=upper, device=log_q.device
        )
        return self.log_px(x) + mean

    def _log_prior(self) -> Tensor:  # [2^L]
        return _log_bernoulli(self.states.double(), self.prior.loc.double())

    def _log_lik(self, x: Tensor) -> Tensor:  # [B, 2^L]
        check_batch(x, self.data_dim, "DiscreteLatent")
        if not bool(((x == 0) | (x == 1)).all()):
            raise SupportError("DiscreteLatent: the data hold other values than 0 and 1; binarise")
        return _log_bernoulli(x.double()[:, None], self.decoder.affine(self.states.double()))

    def _log_posterior(self, x: Tensor) -> Tensor:  # [B, 2^L]
        return (self._log_prior() + self._log_lik(x)).log_softmax(-1)

    def _log_q(self, x: Tensor) -> Tensor:  # [B, 2^L]
        check_batch(x, self.data_dim, "DiscreteLatent")
        return _log_bernoulli(self.states.double(), self.encoder.affine(x.double())[:, None])


class _AffineBernoulli(Affine):
    """Independent Bernoulli(logits weight u + loc)."""

    def forward(self, u: Tensor) -> TorchDistributionMixin:  # [..., in] -> event [out]
        return dist.Bernoulli(logits=self.affine(u)).to_event(1)


def _log_bernoulli(value: Tensor, logits: Tensor) -> Tensor:
    return (value * logits + logsigmoid(-logits)).sum(-1)

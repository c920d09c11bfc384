"""Variational autoencoder of data of which parts are missing."""

import math
from collections.abc import Iterator, Sequence
from typing import Self

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import DataError, ShapeError
from ..nn import MLP, Binomial, Join, JoinFactory, Likelihood, Network, Shape
from ..nn.sizes import as_shape, as_size
from .any_data import IN_DATA, Companion, takes_any_data
from .base import (
    Family,
    Latent,
    as_likelihood,
    build_decoder,
    check_data,
    decoded,
    drawn_count,
    evaluated,
    evaluated_outside_programs,
    generated,
    latent_of,
    latent_parts,
    mean_or_draw,
    params_of,
)
from .capabilities import Figure, evidence_of
from .networks import as_network, built
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import Prior, PriorFactory, StandardNormal


class PartialVAE(Family):
    r"""VAE of data with missing values, exact for what was observed; it imputes the others.

    The model is z ~ p(z), x ~ p(x|z), the guide z ~ q(z|x observed). `model` and `guide` are Pyro
    programs over a batch x [B, \*data_shape] and its mask, bool and of the same shape, True where
    a value was observed. The site "x" scores the observed elements alone, which is exact: they
    are independent given z. So every bound is one on the log-density of the observed values, and
    the missing ones may hold anything, NaN included. This is the likelihood of data that are
    missing at random: whether a value is missing may depend on the observed values, not on the
    value itself.

    With the objective `IWAE(K)` it is what Mattei and Frellsen call MIWAE. (`objectives.MIWAE` is
    another estimator of that name.)

    Args:
        data_shape: Shape of one datum.
        latent_dim: Size of z, L.
        encoder: Maps [N, \*in_shape] to [N, posterior.num_parameters]: a module, or a factory
            `encoder(in_shape, out_shape)`. It sees the data in the units of `Likelihood.rescale`,
            with zeros in the place of what is missing.
        decoder: Maps [N, L] to [N, P * D] values, as in `VAE`.
        join: How the encoder sees the mask as well as the data, so that it can tell a zero from
            a missing value: `nn.AsVector`, or `nn.AsChannels` for convolutions; None: not at all.
        likelihood: Head that gives p(x|z); `nn.Bernoulli()` by default.
        prior: p(z): a module or a factory `prior(latent_dim)`.
        posterior: Form of q(z|x): a module or a factory `posterior(latent_dim)`.

    Raises:
        ConfigError: See `VAE`.
        ShapeError: A batch, a mask or a network's output does not have the shape that is needed.
        DataError: A row is missing altogether (checked by the guide while
            `pyro.enable_validation` is on, as it is by default).
        SupportError: Observed data lie outside the support of the likelihood (likewise).

    Source:
        MIWAE: Deep Generative Modelling and Imputation of Incomplete Data Sets (Mattei &
        Frellsen, 2019), https://arxiv.org/abs/1812.02633; zeros and masks for the encoder: EDDI
        (Ma et al., 2019), sec. 3.2, https://arxiv.org/abs/1809.11142

    Example:
        >>> vae = PartialVAE((1, 8, 8), latent_dim=8)
        >>> x, mask = torch.ones(3, 1, 8, 8), torch.rand(3, 1, 8, 8) < 0.5
        >>> vae.impute(x, mask, num_particles=10).shape
        torch.Size([3, 1, 8, 8])
    """

    takes_labels = True

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        encoder: Network = MLP,
        decoder: Network = MLP,
        join: JoinFactory | None = None,
        likelihood: Likelihood | None = None,
        prior: PriorFactory | Prior = StandardNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", type(self).__name__)
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", type(self).__name__)
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        self.prior, self.posterior = latent_parts(
            type(self).__name__, latent_dim, prior, posterior
        )
        self.prior.shape_for(self.data_shape, self.likelihood.ends)
        seen_shape = self.likelihood.seen_shape(self.data_shape)
        self.join: Join | None = None if join is None else join(seen_shape, self.data_shape)
        self.in_shape = seen_shape if self.join is None else self.join.shape
        out_shape = (self.posterior.num_parameters,)
        if self.join is None:
            self.encoder = built(encoder, seen_shape, out_shape)
        else:
            self.encoder = self.join.build(as_network(encoder), out_shape)
        self.decoder = build_decoder(decoder, (latent_dim,), self.likelihood, self.data_shape)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2, likelihood=Binomial(16))

    def example_y(self, x: Tensor) -> Tensor:
        """A mask for data x [N, 1, 4, 4]."""
        return (torch.arange(x.numel(), device=x.device) % 3 > 0).reshape(x.shape)

    def model(self, x: Tensor, mask: Tensor) -> None:
        """p(z)p(x observed|z) over a batch x [B, *data_shape] and its mask, of the same shape."""
        self.declare("decoder", "likelihood", "prior")
        if self.prior.needs_encoder:
            self.declare("encoder", "posterior")
        self._check(x, mask, "model")
        if is_validation_enabled():
            self.likelihood.check(torch.where(mask, x, self.likelihood.stand_in))
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self._prior())
            pyro.sample("x", self.likelihood.given(self.decode(z, mask), x), obs=x)

    def guide(self, x: Tensor, mask: Tensor) -> None:
        """q(z|x observed) over a batch x [B, *data_shape] and its mask, of the same shape."""
        self.declare("encoder", "posterior")
        self._check(x, mask, "guide")
        if is_validation_enabled():
            _check_rows(mask, f"{type(self).__name__}.guide")
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", self.encode(x, mask))

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor, mask: Companion = IN_DATA) -> dist.TorchDistribution:
        """The distribution q(z|x observed), batch shape [B], event shape [L]."""
        self._check(x, mask, "encode")
        seen = self.likelihood.seen(x, mask)
        if self.join is not None:
            seen = self.join(seen, mask)
        params = params_of(self.encoder, self.posterior, seen, len(self.in_shape), "encoder")
        return self.posterior(params)

    @evaluated_outside_programs
    def decode(self, z: Tensor, mask: Tensor | None = None) -> dist.TorchDistribution:
        """The distribution p(x|z), event shape `data_shape`, for z [..., L].

        With a mask [B, *data_shape] and z [..., B, L] it scores what was observed; draws and mean
        are of whole data in any case.
        """
        return decoded(self.decoder, self.likelihood, z, 1, self.data_shape, mask)

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True, size: Tensor | float | None = None) -> Tensor:
        """Draw z from the prior; the mean of p(x|z), or a draw from it [n, *data_shape].

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.
        """
        count = drawn_count(n, f"{type(self).__name__}.generate")
        made = self.decode(self._prior().sample(torch.Size([max(count, 1)])))
        return generated(made, self.likelihood, count, mean, size)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(
        self, x: Tensor, mask: Companion = IN_DATA, *, mean: bool = True, latent: Latent = "sample"
    ) -> Tensor:
        """Encode what was observed and decode whole data: the mean of p(x|z), or a draw from it.

        What was observed is reconstructed too; `impute` keeps it.

        Args:
            x: Data [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
            mask: Where they were observed, bool, of the same shape; left out where the data hold
                it.
            mean: The mean of p(x|z); else a draw.
            latent: z is a draw from q(z|x observed), "sample", or its mean, "mean".

        Raises:
            ConfigError: The mean of q is not known in closed form.
        """
        made = self.decode(latent_of(self.encode(x, mask), latent), mask)
        return mean_or_draw(self.likelihood.given(made, x), mean)

    def num_observed(self, x: Tensor, mask: Tensor) -> float:
        """Mean number of observed values a datum, by the mask [N, *data_shape]."""
        return float(mask.sum()) / len(mask)

    def figures(self, x: Tensor, mask: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of."""
        return [evidence_of("p(x observed)")]

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def impute(
        self,
        x: Tensor,
        mask: Companion = IN_DATA,
        *,
        num_particles: int = 1000,
        at_once: int = 2**22,
    ) -> Tensor:
        """x with the mean of p(missing|observed) where values are missing [B, *data_shape].

        By self-normalised importance sampling with the guide as proposal. Its bias falls with K;
        `log_evidence` gives ESS and k-hat of the same weights, which tell how it converges.

        Args:
            x: Data [B, *data_shape].
            mask: Where they were observed, bool, of the same shape.
            num_particles: K.
            at_once: Elements that are decoded at once (at least those of one datum).

        Raises:
            ShapeError: `num_particles` is below one, or see `PartialVAE`.

        Source:
            MIWAE (Mattei & Frellsen, 2019), sec. 4.1
        """
        found = []
        for some, seen in self._blocks(x, mask, num_particles, at_once):
            _, made, log_w = self._weigh(some, seen, num_particles)
            mean = self.likelihood.averaged(made, log_w.softmax(0))
            found.append(torch.where(seen, some, mean))
        return torch.cat(found)

    @evaluated
    @torch.no_grad()
    def imputations(
        self,
        x: Tensor,
        mask: Tensor,
        n: int,
        *,
        num_particles: int = 1000,
        at_once: int = 2**22,
    ) -> Tensor:
        """Multiple imputation: n times x, filled by draws of p(missing|observed) [n, B, ...].

        By sampling importance resampling: z is drawn among K particles by weight, and what is
        missing from p(x|z). Draws of one datum may share a particle.

        Args:
            x: See `impute`, as for the other arguments.
            mask: Likewise.
            n: How many.
            num_particles: K, better many times n.
            at_once: See `impute`.

        Source:
            MIWAE (Mattei & Frellsen, 2019), sec. 4.2
        """
        found = []
        for some, seen in self._blocks(x, mask, num_particles, at_once):
            z, _, log_w = self._weigh(some, seen, num_particles)
            chosen = dist.Categorical(logits=log_w.T).sample(torch.Size([n]))  # [n, b]
            z = z.gather(0, chosen.unsqueeze(-1).expand(-1, -1, self.latent_dim))
            made = self.likelihood.given(self.decode(z, seen), some)
            found.append(torch.where(seen, some, made.sample()))
        return torch.cat(found, 1)

    def _blocks(
        self, x: Tensor, mask: Tensor, num_particles: int, at_once: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        self._check(x, mask, "impute")
        if num_particles < 1:
            raise ShapeError(f"num_particles is {num_particles}, and must be at least 1")
        if not len(x):
            raise DataError(f"{type(self).__name__}.impute got no rows; give one or more")
        rows = max(1, at_once // (num_particles * math.prod(self.data_shape)))
        return zip(x.split(rows), mask.split(rows), strict=True)

    def _weigh(
        self, x: Tensor, mask: Tensor, num_particles: int
    ) -> tuple[Tensor, dist.TorchDistribution, Tensor]:
        """z [K, B, L], p(x|z), and the log-weights [K, B]."""
        q = self.encode(x, mask)
        z = q.sample(torch.Size([num_particles]))
        made = self.likelihood.given(self.decode(z, mask), x)
        return z, made, made.log_prob(x) + self._prior().log_prob(z) - q.log_prob(z)

    def _prior(self) -> dist.TorchDistribution:
        # A prior made of posteriors takes those of whole data.
        return self.prior.with_encoder(lambda u: self.encode(u, torch.ones_like(u).bool()))

    def _check(self, x: Tensor, mask: Tensor, method: str) -> None:
        where = f"{type(self).__name__}.{method}"
        check_data(x, self.data_shape, where)
        if mask.shape != x.shape or mask.dtype != torch.bool:
            kind = str(mask.dtype).removeprefix("torch.")
            raise ShapeError(
                f"{where} got a mask of shape {list(mask.shape)} and dtype {kind} for "
                f"data of shape {list(x.shape)}; it needs bool of the same shape, True where a "
                "value was observed, as data.missing and data.arrays(..., missing=True) make it"
            )


def _check_rows(mask: Tensor, where: str) -> None:
    seen = mask.flatten(1).any(1)
    if not bool(seen.all()):
        bad = (~seen).nonzero().flatten()
        raise DataError(
            f"{where} got {len(bad)} of {len(seen)} rows of which nothing was observed, "
            f"the first is row {int(bad[0])}; drop them, which changes no likelihood, and look "
            "whether the mask is True where data ARE there"
        )

"""Variational autoencoder."""

from functools import partial
from typing import Self

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..nn import MLP, Binomial, Likelihood, Network, Shape
from ..nn.sizes import as_shape, as_size
from .any_data import takes_any_data
from .base import (
    as_likelihood,
    build_decoder,
    check_data,
    evaluated,
    evaluated_outside_programs,
    latent_parts,
    params_of,
)
from .latent_vector import LatentVector
from .networks import built
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory, Refinement, RefinementFactory
from .priors import Prior, PriorFactory, StandardNormal


class VAE(LatentVector):
    r"""Variational autoencoder with any encoder, decoder, likelihood, prior and posterior.

    The model is z ~ p(z), x ~ p(x|z), the guide z ~ q(z|x). `model` and `guide` are Pyro programs
    over a batch x [B, \*data_shape], with the sites "z" (event [L]) and "x" inside the plate
    "data". Networks see one batch axis, whatever the number of particles. The encoder sees the
    data in the units of the likelihood; levels are rescaled to [0, 1] or [-1, 1]
    (`Likelihood.rescale`).

    Args:
        data_shape: Shape of one datum, such as (1, 28, 28) or (64,).
        latent_dim: Size of z, L.
        encoder: Maps [N, \*data_shape] to [N, posterior.num_parameters]: a module, or a factory
            `encoder(in_shape, out_shape)` such as `nn.MLP`, `nn.ConvEncoder`, or a partial of
            them. What it may give besides one tensor says `DiagonalNormal`: a mean and a
            log-variance, for one. A plain function of the data serves as well.
        decoder: Maps [N, L] to [N, P * D] values, P per element of a datum (any shape of that
            size, P first): a module or a factory, such as `nn.MLP` or `nn.ConvDecoder`.
        likelihood: Head that turns them into p(x|z); `nn.Bernoulli()` by default.
        prior: p(z): a module or a factory `prior(latent_dim)`.
        posterior: Form of q(z|x): a module or a factory `posterior(latent_dim)`.
        refinement: Steps that improve q(z|x) for each datum (semi-amortised inference): a module
            or a factory `refinement(latent_dim)`. A prior that is made of posteriors takes those
            of the encoder, without these steps.

    Raises:
        ConfigError: `latent_dim` is below one, or a prior made of posteriors meets posteriors
            that score only what they drew themselves.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        SupportError: Data lie outside the support of the likelihood (checked in every call while
            `pyro.enable_validation` is on, as it is by default).

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014),
        https://arxiv.org/abs/1312.6114

    Example:
        >>> vae = VAE((1, 8, 8), latent_dim=8, likelihood=Binomial(16))
        >>> vae.generate(3).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        encoder: Network = MLP,
        decoder: Network = MLP,
        likelihood: Likelihood | None = None,
        prior: PriorFactory | Prior = StandardNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
        refinement: RefinementFactory | Refinement | None = None,
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", "VAE")
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", "VAE")
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        self.prior, self.posterior = latent_parts("VAE", latent_dim, prior, posterior)
        self.prior.shape_for(self.data_shape, self.likelihood.ends)
        self.encoder = built(encoder, self.data_shape, (self.posterior.num_parameters,))
        self.decoder = build_decoder(decoder, (latent_dim,), self.likelihood, self.data_shape)
        if refinement is not None and not isinstance(refinement, Refinement):
            refinement = refinement(latent_dim)
        self.refinement = refinement

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2, likelihood=Binomial(16))

    def model(self, x: Tensor) -> None:
        """p(z)p(x|z) over a batch x [B, *data_shape]."""
        self.declare("decoder", "likelihood", "prior")
        if self.prior.needs_encoder:
            self.declare("encoder", "posterior")
        check_data(x, self.data_shape, "VAE.model")
        if is_validation_enabled():
            self.likelihood.check(x)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self.prior.with_encoder(self._amortised))
            pyro.sample("x", self.likelihood.given(self.decode(z), x), obs=x)

    def guide(self, x: Tensor) -> None:
        """q(z|x) over a batch x [B, *data_shape]."""
        self.declare("encoder", "posterior")
        if self.refinement is not None and self.refinement.differentiable:
            self.declare("decoder", "likelihood", "prior")
        check_data(x, self.data_shape, "VAE.guide")
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", self.encode(x))

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor) -> dist.TorchDistribution:
        """The distribution q(z|x), batch shape [B], event shape [L].

        Args:
            x: Data [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
        """
        check_data(x, self.data_shape, "VAE.encode")
        params = self._encoded(x)
        if self.refinement is not None:
            prior = self.prior.with_encoder(self._amortised)  # one for all steps
            log_joint = partial(self._log_joint, x, prior)
            params = self.refinement(params, self.posterior, log_joint)
        return self.posterior(params)

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True, size: Tensor | float | None = None) -> Tensor:
        """Draw z from the prior; the mean of p(x|z), or a draw from it [n, *data_shape].

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.
        """
        return self._generated(self.prior.with_encoder(self._amortised), n, mean, size)

    def _encoded(self, x: Tensor) -> Tensor:
        """The encoder's output for x [B, posterior.num_parameters]."""
        seen = self.likelihood.rescale(x)
        return params_of(self.encoder, self.posterior, seen, len(self.data_shape), "encoder")

    def _amortised(self, x: Tensor) -> dist.TorchDistribution:
        return self.posterior(self._encoded(x))

    def _log_joint(self, x: Tensor, prior: dist.TorchDistribution, z: Tensor) -> Tensor:
        return prior.log_prob(z) + self.likelihood.given(self.decode(z), x).log_prob(x)

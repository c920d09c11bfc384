"""Variational autoencoder."""

from functools import partial
from typing import Self, cast

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ConfigError
from ..nn import MLP, Binomial, Corrupted, Corruption, Likelihood, Network, Shape
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
        corruption: What the encoder sees instead of x in training, in the encoder's own units:
            `nn.GaussianNoise`, `nn.Masking`, `nn.SaltAndPepper`. The model scores x itself, so
            that q learns to infer the latents of the clean datum (the denoising criterion).

    Raises:
        ConfigError: `latent_dim` is below one, a prior made of posteriors meets posteriors that
            score only what they drew themselves, or there are a refinement and a corruption.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        SupportError: Data lie outside the support of the likelihood (checked in every call while
            `pyro.enable_validation` is on, as it is by default).

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014),
        https://arxiv.org/abs/1312.6114; corruption: Denoising Criterion for Variational
        Auto-Encoding Framework (Im et al., 2017), sec. 3, https://arxiv.org/abs/1511.06406

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
        corruption: Corruption | None = None,
    ) -> None:
        super().__init__()
        if refinement is not None and corruption is not None:
            raise ConfigError(
                "VAE got a refinement and a corruption: the one fits q to the datum, the other "
                "to what is left of it; give one of them"
            )
        self.corruption = corruption
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
            if self.training and self.corruption is not None:
                seen = Corrupted(self.likelihood.rescale(x), self.corruption, len(self.data_shape))
                noisy = pyro.sample("corrupted", seen, infer={"is_auxiliary": True})
                pyro.sample("z", self.posterior(self._params_of(cast(Tensor, noisy))))
            else:
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
        return self._params_of(self.likelihood.rescale(x))

    def _params_of(self, seen: Tensor) -> Tensor:
        return params_of(self.encoder, self.posterior, seen, len(self.data_shape), "encoder")

    def _amortised(self, x: Tensor) -> dist.TorchDistribution:
        return self.posterior(self._encoded(x))

    def _log_joint(self, x: Tensor, prior: dist.TorchDistribution, z: Tensor) -> Tensor:
        return prior.log_prob(z) + self.likelihood.given(self.decode(z), x).log_prob(x)

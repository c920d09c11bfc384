"""Autoencoder: plain, denoising, contractive."""

from typing import Self, cast

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ConfigError, ShapeError
from ..nn import (
    MLP,
    Binomial,
    Corrupted,
    Corruption,
    Likelihood,
    Network,
    Shape,
    squared_jacobian,
)
from ..nn.sizes import as_shape, as_size
from ..particles.penalty import penalty
from .any_data import takes_any_data
from .base import as_likelihood, build_decoder, check_data, evaluated, evaluated_outside_programs
from .latent_vector import LatentVector
from .networks import built, vectors_from
from .priors import FlatPrior, Prior, PriorFactory
from .priors.distribution import as_prior


class Autoencoder(LatentVector):
    r"""Autoencoder, plain, denoising or contractive; a density can be fitted to its codes.

    `model` and `guide` are a pair like that of a VAE, with the sites "z" (event [L]) and "x"
    inside the plate "data". The guide puts all its mass on z = f(x), and the model's z has the
    density 1 everywhere (`FlatPrior`). So every objective is the reconstruction
    log p(x | z = f(x)), in nats per datum. **This bounds nothing**: a point mass has no entropy,
    and there is no p(x). `report` leaves out what would need one, and `log_evidence` refuses.
    Several particles are copies of one, unless each is corrupted by itself. `DReG`, which uses
    the density of the guide, follows 1/K of the encoder's gradient here.

    There is no distribution to draw codes from either. `pyrovae.apply.fit_density` fits a mixture
    or a flow to the codes of the training data and makes it the prior, from which `generate`
    draws. A module that is to be loaded is built with that form of prior.

    In training mode a denoising guide sees corrupted data (site "corrupted") and the model scores
    the data themselves; a contractive guide adds a penalty to the loss, outside the bound. In
    evaluation mode there is neither, unless a measurement is given `mode="as is"`.

    Args:
        data_shape: Shape of one datum, such as (1, 28, 28) or (64,).
        latent_dim: Size of z, L.
        encoder: Maps [N, \*data_shape] to [N, L]: a module or a factory; see `VAE`.
        decoder: Maps [N, L] to [N, P * D] values, as that of a `VAE`.
        likelihood: Head that turns them into p(x|z); `nn.Bernoulli()` by default.
        corruption: What the encoder sees instead of x in training, in the encoder's own units:
            `nn.GaussianNoise`, `nn.Masking`, `nn.SaltAndPepper` (denoising).
        contraction: Nats per unit of the squared Frobenius norm of the encoder's Jacobian with
            respect to what it sees (contractive); 0 leaves it out.
        contraction_probes: Random vectors that estimate the norm; None computes it exactly, at
            the cost of L backward passes.
        prior: Density of the codes in training. Flat by default; `StandardNormal` pulls the codes
            to 0, as an L2 penalty does (Ghosh et al., eq. 4).

    Raises:
        ConfigError: A number is out of range, or the prior is made of posteriors.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        SupportError: Data lie outside the support of the likelihood.

    Source:
        denoising: Vincent et al. (2010), https://jmlr.org/papers/v11/vincent10a.html;
        contractive: Rifai et al. (2011), eqs. 1 and 3,
        https://icml.cc/2011/papers/455_icmlpaper.pdf; densities fitted afterwards: Ghosh et al.
        (2020), sec. 4, https://arxiv.org/abs/1903.12436

    Example:
        >>> from pyrovae.nn import Binomial, Masking
        >>> pair = Autoencoder((1, 8, 8), 8, likelihood=Binomial(16), corruption=Masking(0.3))
        >>> pair.encode(torch.zeros(3, 1, 8, 8)).mean.shape
        torch.Size([3, 8])
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        encoder: Network = MLP,
        decoder: Network = MLP,
        likelihood: Likelihood | None = None,
        corruption: Corruption | None = None,
        contraction: float = 0.0,
        contraction_probes: int | None = None,
        prior: PriorFactory | Prior = FlatPrior,
    ) -> None:
        super().__init__()
        if contraction_probes is not None:
            contraction_probes = as_size(contraction_probes, "contraction_probes", "Autoencoder")
        if not contraction >= 0:
            raise ConfigError(f"Autoencoder got contraction={contraction}; it needs at least 0")
        self.data_shape = as_shape(data_shape, "data_shape", "Autoencoder")
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", "Autoencoder")
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        self.corruption = corruption
        self.contraction, self.contraction_probes = contraction, contraction_probes
        self.prior = as_prior(prior, latent_dim)
        if self.prior.latent_dim != latent_dim:
            raise ShapeError(
                f"the prior has latent_dim={self.prior.latent_dim} and the Autoencoder "
                f"{latent_dim}; build both for one"
            )
        if self.prior.needs_encoder:
            raise ConfigError(
                f"{type(self.prior).__name__} is made of posteriors, and those of an Autoencoder "
                "are points without a density; take MixturePrior or FlowPrior"
            )
        self.encoder = built(encoder, self.data_shape, (latent_dim,))
        self.decoder = build_decoder(decoder, (latent_dim,), self.likelihood, self.data_shape)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2, likelihood=Binomial(16))

    def model(self, x: Tensor) -> None:
        """p(z)p(x|z) over a batch x [B, *data_shape]; p(z) = 1 unless a prior is given."""
        self.declare("decoder", "likelihood", "prior")
        check_data(x, self.data_shape, "Autoencoder.model")
        if is_validation_enabled():
            self.likelihood.check(x)
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self.prior())
            pyro.sample("x", self.likelihood.given(self.decode(z), x), obs=x)

    def guide(self, x: Tensor) -> None:
        """All mass at the code of x [B, *data_shape], or of x corrupted."""
        self.declare("encoder")
        check_data(x, self.data_shape, "Autoencoder.guide")
        seen, dims = self.likelihood.rescale(x), len(self.data_shape)
        with pyro.plate("data", x.shape[0]):
            if self.training and self.corruption is not None:
                noisy = Corrupted(seen, self.corruption, dims)
                seen = cast(Tensor, pyro.sample("corrupted", noisy, infer={"is_auxiliary": True}))
            pyro.sample("z", self._point(seen))
            if self.training and self.contraction > 0:
                stretch = squared_jacobian(
                    self.encoder, seen, dims, self.latent_dim, num_probes=self.contraction_probes
                )
                penalty("contraction", self.contraction * stretch)

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor) -> dist.TorchDistribution:
        """The point mass at f(x), batch shape [B], event shape [L]; its `mean` is the code."""
        check_data(x, self.data_shape, "Autoencoder.encode")
        return self._point(self.likelihood.rescale(x))

    @evaluated
    @torch.no_grad()
    def generate(self, n: int, *, mean: bool = True, size: Tensor | float | None = None) -> Tensor:
        """Draw z from the prior; the mean of p(x|z), or a draw from it [n, *data_shape].

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.

        Raises:
            ConfigError: The prior is flat, so that there is nothing to draw from.
        """
        return self._generated(self.prior(), n, mean, size)

    def _point(self, seen: Tensor) -> dist.TorchDistribution:
        code = vectors_from(self.encoder, seen, len(self.data_shape), "encoder")
        lead = seen.shape[: seen.dim() - len(self.data_shape)]
        if code.shape != (*lead, self.latent_dim):
            raise ShapeError(
                f"the encoder gave shape {list(code.shape)} for an input of shape "
                f"{list(seen.shape)}; Autoencoder(latent_dim={self.latent_dim}) needs "
                f"{self.latent_dim} values per datum, [N, {self.latent_dim}]"
            )
        # Masked: a code that is computed twice may differ by rounding, and must not give -inf.
        return dist.Delta(code, event_dim=1).mask(False)

"""Several stochastic layers, inferred from the data upwards."""

from typing import Self

import pyro.distributions as dist
from torch import Tensor, nn

from ..errors import ConfigError, ShapeError
from ..nn import MLP, Binomial, Likelihood, Network, Shape
from ..nn.sizes import Sizes, as_shape
from .base import Conditional, as_likelihood, build_decoder, decoded, evaluated_outside_programs
from .layered import (
    Draw,
    Layered,
    Networks,
    check_dims,
    drawn_downwards,
    for_each,
    upper_decoders,
)
from .posteriors import DiagonalNormal, PosteriorFactory
from .posteriors.distribution import as_posterior
from .priors import Prior, PriorFactory, StandardNormal
from .priors.distribution import as_prior


class HierarchicalVAE(Layered):
    r"""Several stochastic layers, inferred from the data upwards.

    The model is p(z_L) ... p(z_1|z_2) p(x|z_1), the guide q(z_1|x) q(z_2|z_1) ... `model` and
    `guide` are Pyro programs over a batch x [B, \*data_shape], with the sites "z1" (nearest the
    data), "z2", ... and "x" inside the plate "data". With one layer it is a `VAE`. Only the top
    layer has a closed-form KL: the guide draws each of the others before the layer above, from
    which the model draws it (`kl_routes` names them).

    Args:
        data_shape: Shape of one datum, such as (1, 28, 28) or (64,).
        latent_dims: Size of each layer, z1 first.
        encoder: Of q(z1|x): a module or a factory, as in `VAE`.
        decoder: Of p(x|z1), likewise.
        upper_encoder: Of q(z2|z1), q(z3|z2), ...: one factory for all, or one for each.
        upper_decoder: Of p(z1|z2), p(z2|z3), ..., likewise in this order.
        likelihood: Head that gives p(x|z1); `nn.Bernoulli()` by default.
        prior: p(z_L) of the top layer: a module or a factory `prior(latent_dim)`.
        posterior: Form of each q: a factory `posterior(latent_dim)`.
        conditional: Form of each p(z_i|z_(i+1)), likewise.

    Raises:
        ConfigError: There is no layer, the number of networks is wrong, or the prior is made of
            posteriors q(z|x), which the top layer here does not have.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        SupportError: Data lie outside the support of the likelihood.

    Source:
        Importance Weighted Autoencoders (Burda et al., 2016), eqs. 1 and 2,
        https://arxiv.org/abs/1509.00519

    Example:
        The two-layer net of its table 1, x-200-200-z100-100-100-z50:

        >>> from functools import partial
        >>> two = [partial(MLP, hidden=(n, n), activation=nn.Tanh) for n in (200, 100)]
        >>> vae = HierarchicalVAE(
        ...     (1, 28, 28), (100, 50),
        ...     encoder=two[0], decoder=two[0], upper_encoder=two[1], upper_decoder=two[1],
        ... )
        >>> vae.generate(3).shape
        torch.Size([3, 1, 28, 28])
    """

    model_parts = ("prior", "upper_decoders", "decoder", "likelihood")
    guide_parts = ("encoders",)

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dims: Sizes,
        *,
        encoder: Network = MLP,
        decoder: Network = MLP,
        upper_encoder: Networks = MLP,
        upper_decoder: Networks = MLP,
        likelihood: Likelihood | None = None,
        prior: PriorFactory | Prior = StandardNormal,
        posterior: PosteriorFactory = DiagonalNormal,
        conditional: PosteriorFactory = DiagonalNormal,
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", "HierarchicalVAE")
        self.latent_dims = check_dims(latent_dims, "HierarchicalVAE")
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        *lower, top = self.latent_dims
        self.prior = as_prior(prior, top)
        self.prior.shape_for(self.data_shape)
        if self.prior.latent_dim != top:
            raise ShapeError(
                f"the prior has latent_dim={self.prior.latent_dim} and the top layer of "
                f"HierarchicalVAE {top}; build both for one"
            )
        if self.prior.needs_encoder:
            raise ConfigError(
                f"{type(self.prior).__name__} is made of posteriors q(z|x), and the top layer of "
                f"HierarchicalVAE has q(z{len(self.latent_dims)}|z{len(lower)}); use LadderVAE, "
                "whose top layer sees the data, or another prior"
            )
        up = for_each(upper_encoder, len(lower), "HierarchicalVAE's upper_encoder")
        below = [self.data_shape, *((dim,) for dim in lower)]
        self.encoders = nn.ModuleList(
            Conditional(network, shape, as_posterior(posterior, dim), f"encoder of z{i}")
            for i, (network, shape, dim) in enumerate(
                zip([encoder, *up], below, self.latent_dims, strict=True), start=1
            )
        )
        self.upper_decoders = upper_decoders(
            upper_decoder, self.latent_dims, conditional, "HierarchicalVAE"
        )
        self.decoder = build_decoder(
            decoder, self.latent_dims[:1], self.likelihood, self.data_shape
        )

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), (3, 2), likelihood=Binomial(16))

    def generated(self, draw: Draw) -> Tensor:
        return drawn_downwards(draw, self.prior(), self.upper_decoders)

    def inferred(self, x: Tensor, draw: Draw) -> Tensor:
        z = self.likelihood.rescale(x)
        drawn = []
        for i, encoder in enumerate(self.encoders, 1):
            z = draw(f"z{i}", encoder(z))
            drawn.append(z)
        return drawn[0]

    @evaluated_outside_programs
    def decode(self, z: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|z_1), event shape `data_shape`, for z_1 [..., L]."""
        return decoded(self.decoder, self.likelihood, z, 1, self.data_shape)

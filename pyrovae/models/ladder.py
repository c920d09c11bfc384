"""Several stochastic layers, inferred along the generative path."""

from collections.abc import Callable
from typing import Any, Self

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ..errors import ConfigError, ShapeError
from ..nn import MLP, Binomial, Likelihood, Network, Shape
from ..nn.sizes import Sizes, as_shape, as_sizes
from .any_data import takes_any_data
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
from .networks import built, vectors_from
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .posteriors.distribution import as_posterior
from .priors import Prior, PriorFactory, StandardNormal
from .priors.distribution import as_prior


class LadderVAE(Layered):
    r"""Several stochastic layers, inferred downwards along the generative path, by precisions.

    The model is that of `HierarchicalVAE`. The guide first makes deterministic features upwards.
    It then draws z_L from q(z_L|x), and each layer below from the normalised product of
    p(z_i|z_(i+1)) and a normal that the features give, whose precisions add up. Model and guide
    share the networks of p(z_i|z_(i+1)). Sites "z1" (nearest the data), "z2", ... and "x" are
    inside the plate "data", and every layer has a closed-form KL.

    The features are normalised, or the upper layers would stay unused: by layer, where the paper
    normalises by batch, which would mix particles. Its warm-up is `objectives.Beta` with
    `train.Anneal`.

    Args:
        data_shape: Shape of one datum, such as (1, 28, 28) or (64,).
        latent_dims: Size of each layer, z1 first.
        feature_dims: Width of the deterministic features d_1, d_2, ...: one for all, or for each.
        encoder: Makes d_1 [N, F] from the data: a module or a factory, as in `VAE`.
        upper_encoder: Makes d_2 from d_1, ...: one factory for all, or one for each.
        decoder: Of p(x|z1), as in `VAE`.
        upper_decoder: Of p(z1|z2), p(z2|z3), ... (a mean and a log-scale for each unit): one
            factory for all, or one for each in this order.
        normalization: Of the features, before the activation: makes a module for their width;
            `nn.Identity` for none.
        activation: Of the features, a module class or a callable without arguments.
        likelihood: Head that gives p(x|z1); `nn.Bernoulli()` by default.
        prior: p(z_L) of the top layer: a module or a factory `prior(latent_dim)`; those made of
            posteriors take q(z_L|x).
        posterior: Form of q(z_L|x): a module or a factory `posterior(latent_dim)`.

    Raises:
        ConfigError: There is no layer, or the number of networks is wrong.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        SupportError: Data lie outside the support of the likelihood.

    Source:
        Ladder Variational Autoencoders (Sonderby et al., 2016), eqs. 12-19,
        https://arxiv.org/abs/1602.02282

    Example:
        >>> from pyrovae.nn import Binomial
        >>> vae = LadderVAE((1, 8, 8), (16, 8, 4), likelihood=Binomial(16))
        >>> vae.generate(3).shape
        torch.Size([3, 1, 8, 8])
    """

    model_parts = ("prior", "upper_decoders", "decoder", "likelihood")
    guide_parts = ("encoders", "norms", "heads", "top", "upper_decoders")

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dims: Sizes,
        *,
        feature_dims: Sizes = 128,
        encoder: Network = MLP,
        upper_encoder: Networks = MLP,
        decoder: Network = MLP,
        upper_decoder: Networks = MLP,
        normalization: Callable[[int], nn.Module] = nn.LayerNorm,
        activation: Callable[[], nn.Module] = nn.LeakyReLU,
        likelihood: Likelihood | None = None,
        prior: PriorFactory | Prior = StandardNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", "LadderVAE")
        self.latent_dims = check_dims(latent_dims, "LadderVAE")
        *lower, top = self.latent_dims
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        self.prior = as_prior(prior, top)
        self.prior.shape_for(self.data_shape)
        form = as_posterior(posterior, top)
        for role, part in (("prior", self.prior), ("posterior", form)):
            if part.latent_dim != top:
                raise ShapeError(
                    f"the {role} has latent_dim={part.latent_dim} and the top layer of LadderVAE "
                    f"{top}; build both for one"
                )
        self.feature_dims = widths = _widths(feature_dims, len(self.latent_dims))
        up = for_each(upper_encoder, len(lower), "LadderVAE's upper_encoder")
        shapes = [self.data_shape, *((width,) for width in widths)]
        self.encoders = nn.ModuleList(
            built(network, shape, (width,))
            for network, shape, width in zip([encoder, *up], shapes[:-1], widths, strict=True)
        )
        self.norms = nn.ModuleList(normalization(width) for width in widths)
        self.activation = activation()
        self.heads = nn.ModuleList(
            nn.Linear(width, 2 * dim) for width, dim in zip(widths[:-1], lower, strict=True)
        )
        linear = nn.Linear(widths[-1], form.num_parameters)
        self.top = Conditional(linear, widths[-1:], form, "head of the top layer")
        self.upper_decoders = upper_decoders(
            upper_decoder, self.latent_dims, DiagonalNormal, "LadderVAE"
        )
        self.decoder = build_decoder(
            decoder, self.latent_dims[:1], self.likelihood, self.data_shape
        )

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), (3, 2), feature_dims=8, likelihood=Binomial(16))

    def model(self, x: Tensor) -> None:
        if self.prior.needs_encoder:
            self.declare("encoders", "norms", "top")
        super().model(x)

    def generated(self, draw: Draw) -> Tensor:
        top = self.prior.with_encoder(self.encode_top)
        return drawn_downwards(draw, top, self.upper_decoders)

    def inferred(self, x: Tensor, draw: Draw) -> Tensor:
        *features, top = self._features(x)
        z = draw(f"z{len(self.latent_dims)}", self.top(top))
        steps = zip(self.upper_decoders, self.heads, features, strict=True)
        for i, (decoder, head, seen) in reversed(list(enumerate(steps, 1))):
            z = draw(f"z{i}", merged(head(seen), decoder(z)))
        return z

    @takes_any_data
    @evaluated_outside_programs
    def encode_top(self, x: Tensor) -> dist.TorchDistribution:
        """The distribution q(z_L|x), batch shape [B], event shape [L]."""
        return self.top(self._features(x)[-1])

    @evaluated_outside_programs
    def decode(self, z: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|z_1), event shape `data_shape`, for z_1 [..., L]."""
        return decoded(self.decoder, self.likelihood, z, 1, self.data_shape)

    def _features(self, x: Tensor) -> list[Tensor]:
        """d_1, d_2, ... [B, F]."""
        features, event_dim, found = self.likelihood.rescale(x), len(self.data_shape), []
        for i, (network, width) in enumerate(zip(self.encoders, self.feature_dims, strict=True)):
            lead = features.shape[: features.dim() - event_dim]
            features = vectors_from(network, features, event_dim, f"network of d{i + 1}")
            if features.shape != (*lead, width):
                raise ShapeError(
                    f"the network of d{i + 1} gave shape {list(features.shape)}; LadderVAE was "
                    f"built for {width} features per datum; set feature_dims to its output's size"
                )
            features, event_dim = self.activation(self.norms[i](features)), 1
            found.append(features)
        return found


def merged(evidence: Tensor, prior: dist.TorchDistribution) -> dist.TorchDistribution:
    """The normalised product of two diagonal normals: precisions add, means weigh by them.

    Args:
        evidence: Mean and log-scale of one of them, [..., 2 L].
        prior: The other, as `DiagonalNormal` gives it.
    """
    loc, log_scale = evidence.chunk(2, dim=-1)
    other: Any = prior.base_dist
    log_precision, other_log_precision = -2 * log_scale, -2 * other.scale.log()
    share = torch.sigmoid(log_precision - other_log_precision)
    scale = torch.exp(-0.5 * torch.logaddexp(log_precision, other_log_precision))
    return dist.Normal(other.loc + share * (loc - other.loc), scale, validate_args=False).to_event(
        1
    )


def _widths(feature_dims: Sizes, layers: int) -> tuple[int, ...]:
    widths = as_sizes(feature_dims, "feature_dims", "LadderVAE")
    widths = widths * layers if len(widths) == 1 else widths
    if len(widths) != layers:
        raise ConfigError(
            f"LadderVAE got feature_dims={feature_dims} for {layers} layers; give one width, 1 or "
            "more, or one for each layer, d_1 first"
        )
    return widths

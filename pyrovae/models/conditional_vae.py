"""Conditional variational autoencoder."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import ConfigError, ShapeError
from ..nn import MLP, AsVector, Binomial, JoinFactory, Likelihood, Network, Shape
from ..nn.condition import Condition
from ..nn.sizes import as_shape, as_size
from .any_data import IN_DATA, Companion, takes_any_data
from .base import (
    Conditional,
    Latent,
    as_likelihood,
    check_data,
    classes_tensor,
    evaluated,
    evaluated_outside_programs,
    latent_of,
    latent_parts,
    mean_or_draw,
)
from .capabilities import Figure, evidence_of
from .label_conditional import LabelConditional
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .posteriors.distribution import as_posterior
from .priors import Prior, PriorFactory, StandardNormal


class ConditionalVAE(LabelConditional):
    r"""VAE of p(x|y), for classes y or values such as a part of an image.

    The model is z ~ p(z|y), x ~ p(x|y, z), the guide z ~ q(z|x, y). `model` and `guide` are Pyro
    programs over a batch x [B, \*data_shape] and its y. With `num_classes` these are classes [B]
    as whole numbers, which become one-hot vectors; else values [B, \*condition_shape]. Every
    bound is one on log p(x|y), and `log_evidence(pair.model, pair.guide, x, y)` estimates it.

    Each network takes one input: the encoder x and y as `join` puts them together, the decoder
    the vector (z, y), y flattened.

    The guide keeps a record of the classes in its training data. After training `generate`
    refuses others, for which no weights were learned.

    Args:
        data_shape: Shape of one datum.
        latent_dim: Size of z, L.
        num_classes: C, where y are classes 0..C-1; where each datum has several, y [B, K] (such as
            a word and who says it), the C of each.
        condition_shape: Shape of one y, where they are values; networks see them as they are, so
            bring them to a size of about one.
        encoder: Maps [N, \*join.shape] to [N, posterior.num_parameters]: a module, or a factory
            `encoder(in_shape, out_shape)`.
        decoder: Maps [N, L + C] (for C the size of a y, where they are values) to [N, P * D]
            values, as in `VAE`.
        join: How the encoder sees x and y: `nn.AsVector` for fully connected networks,
            `nn.AsChannels` for convolutions.
        likelihood: Head that gives p(x|y, z); `nn.Bernoulli()` by default.
        prior: p(z), the same for every y; `StandardNormal` by default.
        prior_network: Maps [N, C], or [N, \*condition_shape], to the parameters of `prior_form`,
            which is then p(z|y): a module or a factory. Give it or `prior`.
        prior_form: Form of p(z|y): a factory `as_posterior(prior_form, latent_dim)`.
        posterior: Form of q(z|x, y): a module or a factory `posterior(latent_dim)`.

    Raises:
        ConfigError: Both or none of `num_classes` and `condition_shape` are given, or both priors,
            or a prior that is made of posteriors, which here need a y.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        DataError: A class is out of range (checked in every call while `pyro.enable_validation`
            is on, as it is by default), or is to be generated and was none of the training.
        SupportError: Data lie outside the support of the likelihood (likewise).

    Source:
        Learning Structured Output Representation using Deep Conditional Generative Models (Sohn,
        Lee & Yan, 2015), sec. 4.1, whose x and y are y and x here,
        https://papers.nips.cc/paper/5775; classes: Semi-supervised Learning with Deep Generative
        Models (Kingma et al., 2014), sec. 2.1, https://arxiv.org/abs/1406.5298

    Example:
        >>> vae = ConditionalVAE((1, 8, 8), latent_dim=8, num_classes=10)
        >>> vae.generate(torch.tensor([3, 3, 7])).shape
        torch.Size([3, 1, 8, 8])
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        *,
        num_classes: int | Sequence[int] | None = None,
        condition_shape: Shape | None = None,
        encoder: Network = MLP,
        decoder: Network = MLP,
        join: JoinFactory = AsVector,
        likelihood: Likelihood | None = None,
        prior: PriorFactory | Prior | None = None,
        prior_network: Network | None = None,
        prior_form: PosteriorFactory = DiagonalNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", type(self).__name__)
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", type(self).__name__)
        self.condition = Condition(num_classes, condition_shape, type(self).__name__)
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        if prior is not None and prior_network is not None:
            raise ConfigError(
                "ConditionalVAE got a prior, the same for every y, and a prior_network, which "
                "makes one for each; give one of the two"
            )
        unconditional, self.posterior = latent_parts(
            type(self).__name__, latent_dim, StandardNormal if prior is None else prior, posterior
        )
        if unconditional.needs_encoder:
            raise ConfigError(
                f"{type(unconditional).__name__} is made of posteriors q(z|x), and those of "
                "ConditionalVAE are of a y too; give a prior_network, or another prior"
            )
        given = self.condition.shape
        self.prior: Prior | Conditional = unconditional
        if prior_network is not None:
            self.prior = Conditional(
                prior_network, given, as_posterior(prior_form, latent_dim), "prior_network"
            )
        self.build_networks(given, join, encoder, decoder)

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2, num_classes=3, likelihood=Binomial(16))

    def example_y(self, x: Tensor) -> Tensor:
        """Classes of data x [N, 1, 4, 4]."""
        return torch.arange(len(x), device=x.device) % 3

    def model(self, x: Tensor, y: Tensor) -> None:
        """p(z|y)p(x|y, z) over a batch x [B, *data_shape] with its y [B, ...]."""
        self.declare("decoder", "likelihood", "prior")
        check_data(x, self.data_shape, f"{type(self).__name__}.model")
        if is_validation_enabled():
            self.likelihood.check(x)
        given = self.condition(y, x.shape[:1])
        with pyro.plate("data", x.shape[0]):
            z = pyro.sample("z", self._prior(given))
            pyro.sample("x", self.likelihood.given(self._decode(z, given), x), obs=x)

    def guide(self, x: Tensor, y: Tensor) -> None:
        """q(z|x, y) over a batch x [B, *data_shape] with its y [B, ...]."""
        self.declare("encoder", "posterior")
        given = self._given(x, y, "guide")
        if self.training and torch.is_grad_enabled():
            self.condition.note(given)
        with pyro.plate("data", x.shape[0]):
            pyro.sample("z", self._encode(x, given))

    @evaluated_outside_programs
    def prior_given(self, y: Tensor) -> dist.TorchDistribution:
        """The distribution p(z|y), batch shape [B], event shape [L]."""
        return self._prior(self.condition(y, y.shape[:1])).expand(y.shape[:1])

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor, y: Companion = IN_DATA) -> dist.TorchDistribution:
        """The distribution q(z|x, y), batch shape [B], event shape [L]."""
        return self._encode(x, self._given(x, y, "encode"))

    @evaluated_outside_programs
    def decode(self, z: Tensor, y: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|y, z), event shape `data_shape`, for z [..., B, L] and y [B, ...].

        One y [1, ...] serves any number of z.
        """
        return self._decode(z, self.condition(y, y.shape[:1]))

    @evaluated
    @torch.no_grad()
    def generate(
        self, y: Tensor, *, mean: bool = True, size: Tensor | float | None = None
    ) -> Tensor:
        """A new datum for each y [N, ...]: the mean of p(x|y, z), or a draw [N, *data_shape].

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.

        Raises:
            DataError: A class was none of the training.
        """
        if isinstance(y, Sequence | np.ndarray) and np.ndim(y):
            y = classes_tensor(y, f"{type(self).__name__}.generate")
        if not isinstance(y, Tensor):
            raise ShapeError(
                f"{type(self).__name__}.generate got {y!r}; it makes one datum for each y, so "
                "give a tensor of these [N, ...]"
            )
        given = self.condition(y.to(self.condition.classes.device), y.shape[:1])
        self.condition.check_seen(given)
        z = self._prior(given).expand(y.shape[:1]).sample()
        return mean_or_draw(self.likelihood.sized(self._decode(z, given), size), mean)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(
        self, x: Tensor, y: Companion = IN_DATA, *, mean: bool = True, latent: Latent = "sample"
    ) -> Tensor:
        """Encode x and decode it again: the mean of p(x|y, z), or a draw [B, *data_shape].

        Args:
            x: Data [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
            y: Of the data [B, ...]; left out where the data hold it.
            mean: The mean of p(x|y, z); else a draw.
            latent: z is a draw from q(z|x, y), "sample", or its mean, "mean".

        Raises:
            ConfigError: The mean of q is not known in closed form.
        """
        given = self._given(x, y, "reconstruct")
        made = self._decode(latent_of(self._encode(x, given), latent), given)
        return mean_or_draw(self.likelihood.given(made, x), mean)

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of."""
        return [evidence_of("p(x|y)")]

    def _given(self, x: Tensor, y: Tensor, method: str) -> Tensor:
        check_data(x, self.data_shape, f"{type(self).__name__}.{method}")
        given: Tensor = self.condition(y, x.shape[:1])
        return given

    def _prior(self, given: Tensor) -> dist.TorchDistribution:
        made: dist.TorchDistribution = (
            self.prior() if isinstance(self.prior, Prior) else self.prior(given)
        )
        return made

"""Semi-supervised variational autoencoder (M2)."""

from collections.abc import Sequence
from typing import Self

import pyro
import pyro.distributions as dist
import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..distributions.labelled_categorical import UNKNOWN, LabelledCategorical
from ..errors import ConfigError, DataError, ShapeError
from ..nn import MLP, AsVector, Binomial, JoinFactory, Likelihood, Network, Shape
from ..nn.condition import Condition
from ..nn.sizes import as_shape, as_size
from ..particles.penalty import penalty
from .any_data import takes_any_data
from .base import (
    Latent,
    as_likelihood,
    as_tensor_or_count,
    check_data,
    evaluated,
    evaluated_outside_programs,
    generated,
    latent_of,
    latent_parts,
    mean_or_draw,
)
from .capabilities import Figure, evidence_of
from .label_conditional import LabelConditional
from .networks import built, vectors_from
from .posteriors import DiagonalNormal, Posterior, PosteriorFactory
from .priors import Prior, PriorFactory, StandardNormal


class SemiSupervisedVAE(LabelConditional):
    r"""VAE for few labels (M2): sums out unknown classes, predicts, and generates by class.

    The model is y ~ Categorical(1/C), z ~ p(z), x ~ p(x|y, z), the guide y ~ q(y|x),
    z ~ q(z|x, y). `model` and `guide` are Pyro programs over a batch x [B, \*data_shape] with
    labels y [B]: a class 0..C-1, or -1 where it is not known. In the guide a known class is
    certain, so that one objective bounds log p(x, y) for labelled and log p(x) for unlabelled
    data. `StratifiedELBO(C)` sums over the classes exactly (as Pyro's `TraceEnum_ELBO` does);
    other objectives draw y and follow its score.

    Those bounds do not use q(y|x) at labelled data, and so do not train it there. The penalty
    "classification" does: -log q(y|x), times `classification_weight`.

    Args:
        data_shape: Shape of one datum.
        latent_dim: Size of z, L.
        num_classes: C.
        encoder: Maps [N, \*join.shape] to [N, posterior.num_parameters]: a module, or a factory
            `encoder(in_shape, out_shape)`.
        decoder: Maps [N, L + C] to [N, P * D] values, as in `VAE`.
        classifier: Maps [N, \*data_shape] to logits [N, C]: a module or a factory.
        join: How the encoder sees x and the class, as in `ConditionalVAE`.
        likelihood: Head that gives p(x|y, z); `nn.Bernoulli()` by default.
        prior: p(z): a module or a factory `prior(latent_dim)`.
        posterior: Form of q(z|x, y): a module or a factory `posterior(latent_dim)`.
        classification_weight: Of -log q(y|x) for a labelled datum, in units of a datum's nats.
            The paper takes a tenth of the ratio of all data to labelled data.

    Raises:
        ConfigError: There are fewer than two classes, the weight is negative, or the prior is one
            that is made of posteriors, which here need a class.
        ShapeError: A batch or a network's output does not have the shape that is needed.
        DataError: A label is out of range (checked in every call while `pyro.enable_validation`
            is on, as it is by default), or a class is to be generated that no label named.
        SupportError: Data lie outside the support of the likelihood (likewise).

    Source:
        Semi-supervised Learning with Deep Generative Models (Kingma et al., 2014), eqs. 6-9,
        https://arxiv.org/abs/1406.5298

    Example:
        >>> from pyrovae.objectives import StratifiedELBO
        >>> vae = SemiSupervisedVAE((1, 8, 8), latent_dim=4, num_classes=10)
        >>> x, y = torch.zeros(3, 1, 8, 8), torch.tensor([7, -1, -1])
        >>> StratifiedELBO(10).per_datum(vae.model, vae.guide, x, y).shape
        torch.Size([3])
        >>> vae.predict(x).probs.shape
        torch.Size([3, 10])
    """

    def __init__(
        self,
        data_shape: Shape | int,
        latent_dim: int,
        num_classes: int,
        *,
        encoder: Network = MLP,
        decoder: Network = MLP,
        classifier: Network = MLP,
        join: JoinFactory = AsVector,
        likelihood: Likelihood | None = None,
        prior: PriorFactory | Prior = StandardNormal,
        posterior: PosteriorFactory | Posterior = DiagonalNormal,
        classification_weight: float = 50.0,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        num_classes = as_size(num_classes, "num_classes", name, at_least=2)
        if not classification_weight >= 0:
            raise ConfigError(
                f"{name} got classification_weight={classification_weight}; it needs 0 or more"
            )
        self.data_shape = as_shape(data_shape, "data_shape", name)
        self.latent_dim = latent_dim = as_size(latent_dim, "latent_dim", name)
        self.num_classes = num_classes
        self.classification_weight = classification_weight
        self.likelihood = as_likelihood(likelihood, type(self).__name__)
        self.prior, self.posterior = latent_parts(name, latent_dim, prior, posterior)
        if self.prior.needs_encoder:
            raise ConfigError(
                f"{type(self.prior).__name__} is made of posteriors q(z|x), and those of {name} "
                "are of a class too; take another prior"
            )
        self.condition = Condition(num_classes, None, name)
        self.build_networks(self.condition.shape, join, encoder, decoder)
        self.classifier = built(classifier, self.data_shape, (num_classes,))

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls((1, 4, 4), 2, 3, likelihood=Binomial(16))

    def example_y(self, x: Tensor) -> Tensor:
        """Labels of data x [N, 1, 4, 4], of which every other one is not known."""
        rows = torch.arange(len(x), device=x.device)
        return torch.where(rows % 2 == 0, rows % 3, UNKNOWN)

    @property
    def num_strata(self) -> int:
        """Particles with which `StratifiedELBO` sums out the class."""
        return self.num_classes

    def model(self, x: Tensor, y: Tensor) -> None:
        """p(y)p(z)p(x|y, z) over a batch x [B, *data_shape] with labels y [B]."""
        self.declare("decoder", "likelihood", "prior")
        labels = self._checked(x, y, "model")
        if is_validation_enabled():
            self.likelihood.check(x)
        classes = self._logits_of_prior(x)
        with pyro.plate("data", x.shape[0]):
            drawn = pyro.sample("y", dist.Categorical(logits=classes, validate_args=False))
            z = pyro.sample("z", self.prior())
            # The guide draws known labels as they are, so this matters in `simulate` alone.
            known = torch.where(labels == UNKNOWN, drawn, labels)
            made = self._decode(z, self._one_hot(known))
            pyro.sample("x", self.likelihood.given(made, x), obs=x)

    def guide(self, x: Tensor, y: Tensor) -> None:
        """q(y|x)q(z|x, y) over a batch x [B, *data_shape] with labels y [B]."""
        self.declare("encoder", "posterior", "classifier")
        labels = self._checked(x, y, "guide")
        if self.training and torch.is_grad_enabled():
            self.condition.note(self._one_hot(labels))
        logits = self._classified(x)
        with pyro.plate("data", x.shape[0]):
            q = LabelledCategorical(logits, labels)
            drawn = pyro.sample("y", q, infer={"enumerate": "parallel"})
            pyro.sample("z", self._encode(x, self._one_hot(drawn)))
            if self.classification_weight > 0:
                wrong = cross_entropy(logits, labels, ignore_index=UNKNOWN, reduction="none")
                penalty("classification", self.classification_weight * wrong)

    @takes_any_data
    @evaluated_outside_programs
    def predict(self, x: Tensor) -> dist.Categorical:
        """The distribution q(y|x), batch shape [B]."""
        check_data(x, self.data_shape, f"{type(self).__name__}.predict")
        return dist.Categorical(logits=self._classified(x), validate_args=False)

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor, y: Tensor) -> dist.TorchDistribution:
        """The distribution q(z|x, y) for known classes y [B], batch shape [B], event shape [L]."""
        return self._encode(x, self._one_hot(self._known(x, y, "encode")))

    @evaluated_outside_programs
    def decode(self, z: Tensor, y: Tensor) -> dist.TorchDistribution:
        """The distribution p(x|y, z), event shape `data_shape`, for z [..., B, L] and y [B]."""
        return self._decode(z, self.condition(y, y.shape[:1]))

    @evaluated
    @torch.no_grad()
    def generate(
        self,
        y: Tensor | int,
        *,
        mean: bool = True,
        size: Tensor | float | None = None,
    ) -> Tensor:
        """A new datum for each class y [N], or N of classes drawn at random from those known.

        `size`, a number or one for each datum, is that of counts with a size factor; by default
        the mean size of the training: see `nn.Poisson`.

        Returns:
            The mean of p(x|y, z) with z from the prior, or a draw from it [N, *data_shape].

        Raises:
            DataError: A class is out of range, or is one that no label of the training named.
        """
        y = as_tensor_or_count(y, f"{type(self).__name__}.generate")
        count = y if isinstance(y, int) else y.shape[:1].numel()
        if isinstance(y, int):
            seen = self.condition.seen
            each = (seen | ~seen.any()).to(self.condition.classes.dtype)  # all before training
            given = self._one_hot(each.multinomial(max(y, 1), replacement=True))
        else:
            given = self.condition(y.to(self.condition.classes.device), y.shape[:1])
            self.condition.check_seen(given)
        z = self.prior().expand(given.shape[:1]).sample()
        return generated(self._decode(z, given), self.likelihood, count, mean, size)

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(
        self,
        x: Tensor,
        y: Tensor | None = None,
        *,
        mean: bool = True,
        latent: Latent = "sample",
    ) -> Tensor:
        """Encode x and decode it again: the mean of p(x|y, z), or a draw [B, *data_shape].

        Args:
            x: Data [B, *data_shape], of any kind that `pyrovae.data.rows` takes.
            y: Classes [B]; without them, and where one is -1, the likeliest class stands in.
            mean: The mean of p(x|y, z); else a draw.
            latent: z is a draw from q(z|x, y), "sample", or its mean, "mean".

        Raises:
            ConfigError: The mean of q is not known in closed form.
        """
        likeliest = self.predict(x).probs.argmax(-1)
        if y is not None:
            y = self._checked(x, y, "reconstruct")
            likeliest = torch.where(y == UNKNOWN, likeliest, y)
        given = self._one_hot(likeliest)
        made = self._decode(latent_of(self._encode(x, given), latent), given)
        return mean_or_draw(self.likelihood.given(made, x), mean)

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of."""
        return [evidence_of("p(x, y)", "known labels count")]

    def _checked(self, x: Tensor, y: Tensor, method: str) -> Tensor:
        where = f"{type(self).__name__}.{method}"
        check_data(x, self.data_shape, where)
        if y.shape != x.shape[:1] or y.is_floating_point() or y.dtype == torch.bool:
            raise ShapeError(
                f"{where} got {y.dtype} labels of shape {list(y.shape)} for {len(x)} data; it "
                f"needs whole numbers [{len(x)}], -1 where the class is not known"
            )
        if is_validation_enabled() and bool(((y < UNKNOWN) | (y >= self.num_classes)).any()):
            raise DataError(
                f"{where} got labels from {int(y.min())} to {int(y.max())}, and num_classes="
                f"{self.num_classes} allows 0..{self.num_classes - 1}, and -1 for unknown; number "
                "the classes from 0, or build it for more of them"
            )
        return y

    def _known(self, x: Tensor, y: Tensor, method: str) -> Tensor:
        y = self._checked(x, y, method)
        if is_validation_enabled() and bool((y == UNKNOWN).any()):
            raise DataError(
                f"{type(self).__name__}.{method} got a datum without a label, and z depends on "
                "it; give y, such as `predict(x).probs.argmax(-1)`"
            )
        return y

    def _one_hot(self, y: Tensor) -> Tensor:  # [...] -> [..., C]; zeros where it is not known
        return (y.unsqueeze(-1) == self.condition.classes).to(self.condition.classes.dtype)

    def _logits_of_prior(self, x: Tensor) -> Tensor:
        return x.new_zeros(self.num_classes, dtype=self.condition.classes.dtype)

    def _classified(self, x: Tensor) -> Tensor:  # [B, C]
        seen = self.likelihood.rescale(x)
        logits = vectors_from(self.classifier, seen, len(self.data_shape), "classifier")
        if logits.shape != (len(x), self.num_classes):
            raise ShapeError(
                f"the classifier gave shape {list(logits.shape)} for {len(x)} data; it needs "
                f"logits [N, {self.num_classes}]"
            )
        return logits.log_softmax(-1)

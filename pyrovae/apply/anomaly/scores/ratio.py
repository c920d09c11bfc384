"""The likelihood ratio against a background model."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from ....data import Rows
from ....evaluate import SweepOptions
from ....particles.pair import HasPair, Programs, programs_of
from .base import Score
from .elbo import ELBOScore


@dataclass(frozen=True, eq=False)
class LikelihoodRatio(Score):
    """log p(x) - log p(x) of a background model, in nats.

    What both models know of data in general, such as that most pixels are empty, cancels; what is
    left is what the pair knows of its own data. The ratio is as good as the background: one that
    learned the data themselves leaves nothing, one that learned nothing leaves the raw likelihood.

    Args:
        background: A second pair, called as the first: a model and a guide, or one object with
            both. `fit_background` trains one.
        of: The score of log p(x) under either pair.

    Source:
        Likelihood Ratios for Out-of-Distribution Detection (Ren et al., 2019), sec. 3,
        https://arxiv.org/abs/1906.02845

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> import torch
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> LikelihoodRatio(pair)(pair, pair.sample(3, seed=1), seed=2)
        tensor([0., 0., 0.], dtype=torch.float64)
    """

    name: ClassVar[str] = "ratio"
    background: HasPair | Programs
    of: Score = field(default_factory=ELBOScore)

    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        given = self.background
        other = given if isinstance(given, tuple) else programs_of(given, "LikelihoodRatio")
        return self.of.measure(pair, x, options) - self.of.measure(other, x, options)

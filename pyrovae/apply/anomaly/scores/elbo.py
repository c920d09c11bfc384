"""The ELBO as a score."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ....data import Rows
from ....evaluate import SweepOptions, elbo_parts
from ....particles.pair import Programs
from .base import Score, check_evidence


@dataclass(frozen=True)
class ELBOScore(Score):
    """The ELBO of each datum, in nats: a lower bound on log p(x).

    KLs are in closed form where there is one. It misleads as every likelihood does: foreign data
    that are simpler than the pair's own get higher values; see `Typicality`, `LikelihoodRatio`,
    `InputComplexity`.

    Args:
        num_particles: K, over which it is averaged.

    Source:
        Auto-Encoding Variational Bayes (Kingma & Welling, 2014), eq. 3,
        https://arxiv.org/abs/1312.6114; the failure: Do Deep Generative Models Know What They
        Don't Know? (Nalisnick et al., 2019), https://arxiv.org/abs/1810.09136

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> ELBOScore()(pair, pair.sample(3, seed=1), seed=2).shape
        torch.Size([3])
    """

    name: ClassVar[str] = "elbo"
    num_particles: int = 100

    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        check_evidence(pair, x, self.name, options)
        return elbo_parts(*pair, x, num_particles=self.num_particles, **options).elbo

"""The importance-weighted evidence as a score."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ....data import Rows
from ....evaluate import SweepOptions, log_evidence
from ....particles.pair import Programs
from .base import Score, check_evidence


@dataclass(frozen=True)
class EvidenceScore(Score):
    """Importance-sampling estimate of log p(x), in nats.

    The guide has not seen anomalies, and its proposals miss their posteriors by more: their
    estimates are lower than log p(x), which helps to detect them, and is no property of the
    model. By how many nats they are lower, `log_evidence(...).shortfalls` estimates.

    Args:
        num_particles: K.

    Source:
        Importance Weighted Autoencoders (Burda et al., 2016), sec. 5,
        https://arxiv.org/abs/1509.00519

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = pair.sample(3, seed=1)
        >>> bool(((EvidenceScore(2000)(pair, x, seed=2) - pair.log_px(x)).abs() < 0.1).all())
        True
    """

    name: ClassVar[str] = "evidence"
    num_particles: int = 500

    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        check_evidence(pair, x, self.name, options)
        return log_evidence(*pair, x, num_particles=self.num_particles, **options).log_px

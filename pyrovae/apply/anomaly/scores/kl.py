"""The KL of the guide from the prior as a score."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ....data import Rows
from ....evaluate import SweepOptions, elbo_parts
from ....particles.pair import Programs
from .base import Score, check_evidence


@dataclass(frozen=True)
class KLScore(Score):
    """Minus KL(q(z|x) || p(z)) of each datum, in nats: how far its code is from the prior.

    It looks at the code alone: data that the decoder cannot draw at all are normal to it where
    the guide puts them near the prior.

    Args:
        num_particles: K, over which a KL without closed form is averaged.

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> import torch
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> x = pair.sample(3, seed=1)
        >>> torch.allclose(KLScore()(pair, x), -pair.kl(x))
        True
    """

    name: ClassVar[str] = "kl"
    num_particles: int = 100

    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        check_evidence(pair, x, self.name, options)
        return -elbo_parts(*pair, x, num_particles=self.num_particles, **options).kl

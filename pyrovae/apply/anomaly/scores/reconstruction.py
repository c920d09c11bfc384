"""The reconstruction log p(x|z) as a score."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pyro.distributions as dist
from pyro.distributions import TorchDistribution
from torch import Tensor

from ....data import Rows
from ....errors import ConfigError, SiteError
from ....evaluate import SweepOptions, elbo_parts
from ....evaluate.sweep import joined, sweep_over
from ....particles.handlers import with_distributions
from ....particles.pair import Programs
from .base import Score


@dataclass(frozen=True)
class ReconstructionScore(Score):
    """log p(x|z) of each datum, in nats: how well its own code gives it back.

    Every pair has it, an autoencoder without evidence too. All observed sites of the model count.
    It misleads where the decoder gives back anything: simple foreign data, and with a wide code
    all data.

    Args:
        at: "draws" averages over q(z|x). "mean" takes each latent at the mean of the guide, or at
            the mode where it is discrete: one pass, and the same result every time.
        num_particles: K, over which draws are averaged.

    Raises:
        ConfigError: `at` is another word.
        SiteError: From a call: the guide states no mean, and `at` is "mean".

    Source:
        Variational Autoencoder based Anomaly Detection using Reconstruction Probability (An & Cho,
        2015), sec. 3.2

    Example:
        >>> from pyrovae.models import Autoencoder
        >>> import torch
        >>> ReconstructionScore(at="mean")(Autoencoder((4,), 2), torch.zeros(3, 4)).shape
        torch.Size([3])
    """

    name: ClassVar[str] = "reconstruction"
    at: Literal["draws", "mean"] = "draws"
    num_particles: int = 100

    def __post_init__(self) -> None:
        if self.at not in ("draws", "mean"):
            raise ConfigError(
                f'ReconstructionScore got at={self.at!r}; it needs "draws" or "mean"'
            )

    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        if self.at == "draws":
            found = elbo_parts(*pair, x, num_particles=self.num_particles, **options)
            return found.reconstruction
        sweep = sweep_over(*pair, x, (), 1, options)
        return joined(
            sweep.each(lambda b: b.draw(1, with_distributions(b.guide, _centred)).log_lik[0])
        )


def _centred(name: str, fn: TorchDistribution) -> Any:  # noqa: ANN401
    """A point mass at the mean of a latent, or at its mode."""
    if not getattr(fn, "has_density", True):  # the noise of a denoising pair
        return fn
    try:
        value = fn.mode if fn.has_enumerate_support else fn.mean
    except NotImplementedError:
        raise SiteError(
            f"the score 'reconstruction' with at=\"mean\" needs the mean of latent '{name}', and "
            f'a {type(fn).__name__} states none; use at="draws"'
        ) from None
    # The mode of a Bernoulli of 1/2 is NaN, and either value is one.
    return dist.Delta(value.nan_to_num(0.0), event_dim=fn.event_dim)

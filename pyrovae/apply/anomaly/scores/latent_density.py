"""The density of a datum's code among the codes of normal data."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from ....data import Rows
from ....errors import ConfigError, DataError, SiteError
from ....evaluate import SweepOptions
from ....evaluate.collect import collect
from ....evaluate.inputs import Data
from ....evaluate.sweep import sweep_over
from ....particles import Particles
from ....particles.pair import Programs
from .base import Score, applied


@dataclass(frozen=True, eq=False)
class LatentDensity(Score):
    """E_q log q(z) of each datum: its code under the codes of normal data, in nats.

    The aggregate posterior q(z), the mean of q(z|x) over normal data, is fitted as a mixture of
    normals (scikit-learn) to one draw for each datum. All latents that are real numbers count,
    together. It looks at the code alone, as `KLScore` does, and needs no prior: an autoencoder
    has it too. What its encoder maps onto normal codes is normal to it.

    Args:
        num_components: Of the mixture; with one it is the Mahalanobis distance, in other units.
        num_particles: K, over which it is averaged.
        density: What was fitted; None until then.

    Raises:
        ConfigError: From a call: it is not fitted.
        DataError: There are fewer reference data than twice the size of the code.
        SiteError: The guide draws no real numbers.

    Source:
        A Simple Unified Framework for Detecting Out-of-Distribution Samples (Lee et al., 2018),
        sec. 2.1, https://arxiv.org/abs/1807.03888, with codes in the place of features

    Example:
        >>> from pyrovae.data.synthetic import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> score = LatentDensity().fit(pair, pair.sample(99, seed=1))
        >>> score(pair, pair.sample(3, seed=2)).shape
        torch.Size([3])
    """

    name: ClassVar[str] = "latent"
    needs_reference: ClassVar[bool] = True
    num_components: int = 1
    num_particles: int = 30
    density: Any = None

    def fitted(self, pair: Programs, reference: Data, options: SweepOptions) -> Self:
        from sklearn.mixture import GaussianMixture  # takes a second; only this needs it

        codes = _codes(pair, *applied(reference, options), 1)[0]  # [N, L]
        if len(codes) < 2 * codes.shape[1] * self.num_components:
            raise DataError(
                f"the score '{self.name}' fits {self.num_components} normal(s) to "
                f"{len(codes)} codes of {codes.shape[1]} numbers; give twice as many data as "
                "numbers for each"
            )
        density = GaussianMixture(self.num_components, random_state=0, reg_covar=1e-9)
        return replace(self, density=density.fit(codes.numpy()))

    def measure(self, pair: Programs, x: Rows, options: SweepOptions) -> Tensor:
        if self.density is None:
            raise ConfigError(
                f"the score '{self.name}' needs the codes of normal data; use "
                "score.fit(pair, data)"
            )
        codes = _codes(pair, x, options, self.num_particles)  # [K, N, L]
        density = torch.from_numpy(self.density.score_samples(codes.flatten(0, 1).numpy()))
        return density.reshape(codes.shape[:2]).mean(0)


def _codes(pair: Programs, x: Rows, options: SweepOptions, num_particles: int) -> Tensor:
    """Draws of all real latents together [K, N, L], float64 on the CPU."""
    sweep = sweep_over(*pair, x, (), num_particles, options)
    return torch.cat(collect(sweep, _of_draw, torch.cat), 1)


def _of_draw(p: Particles) -> Tensor:
    found = [
        site.value.expand(p.num_particles, p.batch_size, *site.value.shape[2:])
        .reshape(p.num_particles, p.batch_size, -1)
        .double()
        .cpu()
        for name, site in sorted(p.guide_sites.items())
        if site.is_latent and site.has_density and site.value.is_floating_point()
    ]
    if not found:
        raise SiteError(
            "the score 'latent' needs latents that are real numbers, and the guide draws none; "
            "use the score 'kl' or 'elbo'"
        )
    return torch.cat(found, -1)

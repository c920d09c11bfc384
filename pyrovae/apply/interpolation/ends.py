"""The latents of data, between which curves are drawn, and the decoder that goes with them."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ...errors import SiteError
from ...evaluate.latents.posterior_means import mean_of_site
from ...evaluate.sweep import Sweep
from ...particles.conditionals import conditionals
from ...particles.isolation import isolated
from ..values import mean_or_none
from .decoder import Decoder

Others = Literal["model", "posterior"]
"""What latents beside the chosen one are: their mean in the model, or the posterior's."""

PARTICLES = 100  # over which a posterior mean is averaged, where the guide does not state it


@dataclass(frozen=True)
class Encoded:
    """Posterior means of one latent, and the model's arguments.

    Attributes:
        sweep: Over the data.
        site: Name of the latent.
        means: Of all data [N, L], float64 on the CPU.
        like: A tensor of the type of the latent, on its device.
    """

    sweep: Sweep
    site: str
    means: Tensor
    like: Tensor

    @classmethod
    def of(cls, sweep: Sweep, site: str | None, where: str) -> "Encoded":
        """Encode all data.

        Raises:
            SiteError: There is no such latent, or there are several and none is named, or it is
                discrete.
        """
        with isolated(), sweep.networks_in_mode(), torch.no_grad():
            sites = conditionals(sweep.guide, *sweep.arguments(slice(0, 1)))
        known = [n for n, s in sites.items()
                 if not s.is_observed and not _is_discrete(s.fn)]  # fmt: skip
        if site is None and len(known) == 1:
            site = known[0]
        if site not in known:
            asked = "several latents" if site is None else f"no continuous latent '{site}'"
            raise SiteError(
                f"{where}: the guide has {asked if known else 'no continuous latent'}; name one "
                f"of {known or 'another pair'} with site="
            )
        means = mean_of_site(sweep.again(num_particles=PARTICLES), site)
        return cls(sweep, site, means, sites[site].value)

    def at(self, rows: Tensor) -> Tensor:
        """The means of some rows, in the type of the pair."""
        return self.means[rows].to(self.like)

    def decoder(self, rows: Tensor, last: Tensor | None = None, *, others: Others) -> Decoder:
        """The decoder of some rows [P], whose curves end at other rows."""
        args = self._arguments(rows)
        held = {}
        if others == "posterior":
            ends = [
                self._posterior(self._arguments(r)) for r in (rows, rows if last is None else last)
            ]
            held = {name: (ends[0][name], ends[1][name]) for name in ends[0] if name != self.site}
        return Decoder(self.sweep.model, args, self.site, held)

    def data(self, rows: Tensor) -> Tensor:
        """The data of some rows, as the pair takes them."""
        found: Tensor = self._arguments(rows)[0]
        return found

    def _arguments(self, rows: Tensor) -> tuple[Any, ...]:
        size = self.sweep.num_data
        given = self.sweep.arguments(slice(0, size))
        return tuple(
            a[rows.to(a.device)] if isinstance(a, Tensor) and a.shape[:1] == (size,) else a
            for a in given
        )

    def _posterior(self, args: tuple[Any, ...]) -> dict[str, Tensor]:
        sites = conditionals(self.sweep.guide, *args, values=lambda _, fn: mean_or_none(fn))
        return {name: site.value for name, site in sites.items() if not site.is_observed}


def prior_mean(decoder: Decoder, z: Tensor) -> Tensor:
    """Where the model's distribution of the latent has its mean [P, L]; 0 where it states none."""
    fn = decoder.sites(z.unsqueeze(1), torch.zeros(1))[decoder.site].fn
    mean = mean_or_none(fn)
    return torch.zeros_like(z) if mean is None else mean.reshape(z.shape)


def _is_discrete(fn: Any) -> bool:  # noqa: ANN401
    try:
        return bool(fn.support.is_discrete)
    except NotImplementedError:
        return False

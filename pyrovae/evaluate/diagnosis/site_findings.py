"""What was measured of one latent."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..latents.active_units import ActiveUnits
from ..latents.elbo_parts import ELBOParts
from ..standard_errors import mean_error
from .observation import Observation

UNUSED_NATS = 0.005
"""A unit that costs less holds nothing: in a normal latent, that is a `UNUSED_SHARE` of 0.01."""

UNUSED_SHARE = 0.01
"""Of a unit's variance, between the data: below it, the guide gives all data the same."""


@dataclass(frozen=True, eq=False)
class SiteFindings:
    """What was measured of one latent site. Units are its dimensions, flattened.

    Attributes:
        name: Of the site.
        kl: Its term of the KL, nats per datum: what it costs.
        kl_error: Standard error over the data.
        route: "closed form", or "sampled: " and why.
        kl_by_unit: Nats [L]; None where guide or prior do not factorise.
        kl_by_unit_errors: Monte Carlo error of each [L]; zero where it is the closed form.
        between: Share of each unit's variance that is between the data and not within q(z|x)
            [L]; None of a discrete latent.
        redrawn: Nats that the bound loses, but for its own KL, when z is drawn from its prior,
            given the latents before it: what it brings. Latents that the guide draws after it
            follow. None where that is not possible.
        redrawn_error: Standard error over the data.
        gain: `redrawn` minus `kl`: by how much the bound would fall if this were the guide. Below
            zero it would rise without the latent. (Where the guide draws a latent before one that
            the model draws before it, as from the bottom up, this is not exactly such a bound.)
        gain_error: Standard error over the data, of the differences by datum.
        exchanged: Nats that are lost likewise when z is that of another datum.
        exchanged_error: Standard error over the data.
        moved: Half the mean squared change of the mean of p(x|z) under that exchange, as a share
            of the variance of the data.
        gap_at_least: Nats of KL(q(z) || p(z)) that mean and covariance of the aggregate q(z) show,
            where the prior is one normal: no more than the gap itself. None elsewhere.
        classes: How many values a discrete latent has.
        perplexity: So many values, used equally often, would have the entropy of those drawn.
        is_point: Whether the guide is a point mass over a continuum, so that there is no KL.
    """

    name: str
    kl: float
    kl_error: float
    route: str
    kl_by_unit: Tensor | None
    kl_by_unit_errors: Tensor | None
    between: Tensor | None
    redrawn: float | None
    redrawn_error: float | None
    gain: float | None
    gain_error: float | None
    exchanged: float | None
    exchanged_error: float | None
    moved: float | None
    gap_at_least: float | None
    classes: int | None
    perplexity: float | None
    is_point: bool

    @property
    def used(self) -> Tensor | None:
        """Whether each unit costs nats and differs between data [L]; None where neither is known.

        A conditional prior may follow the data as well, so that the second alone does not count.
        """
        costs = None if self.kl_by_unit is None else self.kl_by_unit > UNUSED_NATS
        differs = None if self.between is None else self.between > UNUSED_SHARE
        if costs is None or differs is None or self.is_point:
            return differs if costs is None or self.is_point else costs
        return costs & differs

    @property
    def num_used(self) -> int | None:
        """How many units are used."""
        used = self.used
        return None if used is None else int(used.sum())

    @property
    def num_units(self) -> int | None:
        """L; None where no unit was measured by itself."""
        used = self.used
        return None if used is None else len(used)

    def numbers(self) -> dict[str, Any]:
        """All of it as numbers and lists, for a JSON file."""
        values = {k: v.tolist() if isinstance(v, Tensor) else v for k, v in vars(self).items()}
        return {**values, "num_used": self.num_used, "num_units": self.num_units}


def findings_of(
    name: str, parts: ELBOParts, active: ActiveUnits | None, seen: Observation
) -> SiteFindings:
    """Join what was measured of one site."""
    kl = parts.kl_by_site[name]
    by_unit, errors = parts.kl_per_dim[name], None
    if by_unit is not None:
        errors = torch.zeros_like(by_unit)
    elif ("kl by dimension", name) in seen.per_datum:
        each = seen.per_datum["kl by dimension", name]  # [N, L]
        by_unit = each.mean(0)
        errors = each.std(0) / math.sqrt(len(each)) if len(each) > 1 else math.nan * by_unit
    redrawn, exchanged = (seen.per_datum.get((w, name)) for w in ("redrawn", "exchanged"))
    gain = None if redrawn is None else redrawn - kl
    is_point = "point mass" in parts.routes[name] and ("z", name) in seen.sums
    return SiteFindings(
        name=name,
        kl=float(kl.mean()),
        kl_error=mean_error(kl),
        route=parts.routes[name],
        kl_by_unit=None if is_point else by_unit,
        kl_by_unit_errors=None if is_point else errors,
        between=_between(name, active, seen),
        redrawn=None if redrawn is None else float(redrawn.mean()),
        redrawn_error=None if redrawn is None else mean_error(redrawn),
        gain=None if gain is None or is_point else float(gain.mean()),
        gain_error=None if gain is None or is_point else mean_error(gain),
        exchanged=None if exchanged is None else float(exchanged.mean()),
        exchanged_error=None if exchanged is None else mean_error(exchanged),
        moved=_moved(name, seen),
        gap_at_least=None if is_point else _gap(name, seen, len(kl)),
        classes=_classes(name, seen)[0],
        perplexity=_classes(name, seen)[1],
        is_point=is_point,
    )


def data_variance(seen: Observation) -> float:
    """Sum over the elements of a datum of the variance of the data.

    Of an element that is masked in some data, that of the others, times their share.
    """
    total = 0.0
    for (what, site), x in seen.sums.items():
        if what == "x":
            share = shares_seen(seen, site)
            count = (share * seen.draws).clamp(min=1)
            variance = seen.sums["xx", site] / count - (x / count).square()
            total += float((share * variance.clamp(min=0)).sum())
    return total


def shares_seen(seen: Observation, site: str) -> Tensor:
    """In which share of the data each element of an observed site is not masked [D]."""
    counts = seen.sums.get(("seen", site))
    whole = torch.ones_like(seen.sums["x", site])
    return whole if counts is None else counts / seen.draws


def _between(name: str, active: ActiveUnits | None, seen: Observation) -> Tensor | None:
    if active is None or name not in active.variance or ("z", name) not in seen.sums:
        return None
    mean, second = (seen.sums[what, name] / seen.draws for what in ("z", "zz"))
    second = second.diagonal() if second.dim() == 2 else second
    variance = active.variance[name]
    total = torch.maximum((second - mean.square()).clamp(min=0), variance)
    return torch.where(total > 0, variance / total.clamp(min=1e-300), 0.0).clamp(min=0)


def _moved(name: str, seen: Observation) -> float | None:
    variance = data_variance(seen)
    if ("moved", name) not in seen.sums or variance <= 0:
        return None
    return float(seen.sums["moved", name]) / seen.draws / variance


def _gap(name: str, seen: Observation, num_data: int) -> float | None:
    """KL between the normals of the moments of q(z) and of p(z), without its bias."""
    prior = seen.facts.get(("prior", name))
    second = seen.sums.get(("zz", name))
    if prior is None or second is None or second.dim() < 2 or num_data <= len(second) + 1:
        return None
    mean = seen.sums["z", name] / seen.draws
    covariance = second / seen.draws - torch.outer(mean, mean)
    if not bool(covariance.isfinite().all()) or int(torch.linalg.cholesky_ex(covariance).info):
        return None  # q(z) fills no volume
    aggregate, of_prior = (
        torch.distributions.MultivariateNormal(m, covariance_matrix=c)
        for m, c in ((mean, covariance), prior)
    )
    gap = float(torch.distributions.kl_divergence(aggregate, of_prior))
    freedom = len(mean) * (len(mean) + 3) / 2
    return max(0.0, gap - (freedom + 2 * math.sqrt(2 * freedom)) / (2 * num_data))


def _classes(name: str, seen: Observation) -> tuple[int | None, float | None]:
    counts = seen.sums.get(("classes", name))
    if counts is None:
        return None, None
    share = counts[counts > 0] / counts.sum()
    return len(counts), math.exp(float(-(share * share.log()).sum()))

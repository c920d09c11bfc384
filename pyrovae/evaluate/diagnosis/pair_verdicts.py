"""What is said of the noise of the data, and of the aggregate posterior."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from . import remedies
from .observation import Observation
from .site_findings import SiteFindings, data_variance, shares_seen
from .verdict import Remedy, Verdict

_TOO_WIDE, _TOO_NARROW = 0.5, 2.0  # mean squared error in units of the noise's variance
_VANISHING = 0.01  # of the data's standard deviation


def verdicts_of_noise(seen: Observation) -> list[Verdict]:
    """Whether the standard deviation of a normal p(x|z) fits its errors."""
    found: list[Verdict] = []
    cures: tuple[Remedy, ...]
    for (what, name), total in seen.sums.items():
        if what != "standardised":
            continue
        elements = float(shares_seen(seen, name).sum())
        if elements == 0:
            continue  # all is masked
        ratio = float(total / seen.sums["elements", name])
        low, high = seen.facts["scales", name]
        spread = math.sqrt(max(data_variance(seen), 0.0) / elements)
        about = f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"
        if low < _VANISHING * spread:
            sentence = (
                f"The standard deviation of '{name}' falls to {low:.2g}, and that of the data is "
                f"{spread:.2g}: where it vanishes the density grows without bound."
            )
            cures = (remedies.NOISE_FLOOR, remedies.CLIP)
            found.append(Verdict("noise-vanishes", "warning", name, sentence, cures))
        elif ratio < _TOO_WIDE:
            sentence = (
                f"The standard deviation of '{name}', {about}, is too wide: the mean squared "
                f"error is {ratio:.2f} of its square.{_direction(seen, name, high)}"
            )
            cures = (remedies.LEARNED_NOISE,)
            found.append(Verdict("noise-too-wide", "warning", name, sentence, cures))
        elif ratio > _TOO_NARROW:
            sentence = (
                f"The standard deviation of '{name}', {about}, is too narrow: the mean squared "
                f"error is {ratio:.1f} times its square."
            )
            cures = (remedies.WIDER_NOISE,)
            found.append(Verdict("noise-too-narrow", "warning", name, sentence, cures))
    return found


def causes_of_collapse(noise: Sequence[Verdict]) -> tuple[Remedy, ...]:
    """Remedies against a noise that leaves nothing for a latent to say."""
    return (remedies.LEARNED_NOISE,) if any(v.code == "noise-too-wide" for v in noise) else ()


def verdicts_of_aggregate(sites: Sequence[SiteFindings]) -> list[Verdict]:
    """Whether draws of the prior look like latents of data."""
    found = []
    for site in sites:
        gap = site.gap_at_least
        if gap is not None and gap > max(1.0, 0.2 * site.kl):
            sentence = (
                f"The latents '{site.name}' of the data are not spread like the prior: "
                f"KL(q(z) || p(z)) is {gap:.2f} nats or more, so that what is generated differs "
                "from the data."
            )
            cures = (remedies.FLEXIBLE_PRIOR, remedies.MORE_WEIGHT)
            found.append(Verdict("far-from-prior", "warning", site.name, sentence, cures))
    return found


def leading_variance(x: Tensor) -> float:
    """Largest eigenvalue of the covariance of data [N, D]."""
    off = x - x.mean(0)
    return float(torch.linalg.matrix_norm(off, 2).square()) / len(x)


def _direction(seen: Observation, name: str, scale: float) -> str:
    """Whether any direction of the data varies more than the noise, as a sentence."""
    x = seen.rows.get(name)
    if x is None or len(x) < 2:
        return ""
    leading = leading_variance(x)
    if leading > scale**2:
        return ""
    return (
        f" No direction of the data has a variance above {leading:.3g}, and that of the noise is "
        f"{scale**2:.3g}: with a linear decoder and a KL weight of one, the best bound uses no "
        "latent."
    )

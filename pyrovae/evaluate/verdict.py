"""How near an estimate of log p(x) probably is, in words."""

import math

from torch import Tensor

TOLERANCE = 0.1
"""Nats within which a mean is called near."""

_MOST = 6  # doublings of K that are worth a thought


def verdict_of(shortfall: float, error: float, rise: float, way_out: str) -> tuple[str, str]:
    """The verdict on a mean, and its reason with a way out.

    Args:
        shortfall: By how many nats it is probably too low.
        error: Its Monte-Carlo error.
        rise: What doubling K would add.
        way_out: What to do where it is not near, in words.
    """
    found = judgement(shortfall, error)
    if math.isnan(shortfall):
        return found, "one particle shows nothing; raise K"
    added = f"doubling K adds {_short(rise)}"
    if shortfall + 2 * error < TOLERANCE:
        return found, added
    if shortfall < TOLERANCE:
        added += f", and the Monte-Carlo error is {_short(error)}"
    return found, f"{added}; {way_out}"


def judgement(shortfall: float, error: float) -> str:
    """The verdict without its reason: see `verdict_of`."""
    within = shortfall + 2 * error
    if not math.isfinite(within):
        return "how near it is is not known"
    if within < TOLERANCE:
        return f"within {TOLERANCE:g} nats"
    if shortfall < TOLERANCE:
        return f"within {_up(within)} nats"
    return f"about {_short(shortfall)} nats too low"


def needed_particles(
    shortfalls: Tensor, powers: Tensor, error: float, num_particles: int
) -> int | None:
    """K at which the mean would be called near, in doublings; None where that is out of reach.

    Args:
        shortfalls: Of each datum [N].
        powers: With which power of K each falls [N].
        error: Monte-Carlo error of the mean; it falls as the root of K.
        num_particles: K now.
    """
    for doublings in range(1, _MOST + 1):
        low = float((shortfalls * 2 ** (-powers * doublings)).mean())
        if low + 2 * error * 2 ** (-doublings / 2) < TOLERANCE:
            return int(float(f"{num_particles * 2**doublings:.0e}"))  # one digit
    return None


def _short(nats: float) -> str:
    if abs(nats) < 0.001:
        return "less than 0.001"
    return f"{nats:.2g}" if abs(nats) < 10 else f"{nats:,.0f}"


def _up(nats: float) -> str:
    """Rounded up to one digit."""
    unit = 10 ** math.floor(math.log10(nats))
    return f"{math.ceil(nats / unit) * unit:.1g}"

"""How near an estimate of log p(x) probably is, in words."""

import math

from torch import Tensor

TOLERANCE = 0.1
"""Nats within which a mean is called near."""

_MOST = 10  # doublings of K that are worth a thought


def verdict_of(shortfall: float, error: float, rise: float, needed: int | None) -> tuple[str, str]:
    """The verdict on a mean, and its reason with a way out.

    Args:
        shortfall: By how many nats it is probably too low.
        error: Its Monte-Carlo error.
        rise: What doubling K would add.
        needed: See `needed_particles`.
    """
    if math.isnan(shortfall):
        return "how near it is is not known", "one particle shows nothing; raise K"
    within, added = shortfall + 2 * error, f"doubling K adds {_short(rise)}"
    if within < TOLERANCE:
        return f"within {TOLERANCE:g} nats", added
    more = f"raise K to about {needed:,}" if needed else "improve the guide"
    if shortfall < TOLERANCE:
        why = f"{added}, and the Monte-Carlo error is {_short(error)}; {more} or use `ais`"
        return f"within {_up(within)} nats", why
    return f"about {_short(shortfall)} nats too low", f"{added}; {more} or use `ais`"


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
    return "less than 0.001" if abs(nats) < 0.001 else f"{nats:.2g}"


def _up(nats: float) -> str:
    """Rounded up to one digit."""
    unit = 10 ** math.floor(math.log10(nats))
    return f"{math.ceil(nats / unit) * unit:.1g}"

"""How many draws a comparison spends: a fixed number, or until its errors are small enough."""

import math
from dataclasses import dataclass

FEWEST, MOST = 16, 1024
"""Draws of anything that is drawn until its error is small enough."""

NATS = 0.01
"""Monte-Carlo error of a bound, and of log p(x), that is small enough in any case."""

SHARE_OF_GAP = 0.02
"""The same, as a share of the gap: two digits of it hold."""

RELATIVE = 0.1
"""Relative standard error of a variance or a ratio of which two digits are printed."""

SIGNAL = 3.0
"""Of the median coordinate of a reference: in standard errors; a ratio is then 5 % too large."""


@dataclass(frozen=True)
class Effort:
    """How much is drawn.

    Attributes:
        draws: Of each bound and gradient; None draws until the errors are small enough.
        reference_draws: Of each reference; None is as `draws`, four times as many where it is a
            number.
        seconds: What may be drawn in, beyond the fewest draws, where the number is not fixed.
    """

    draws: int | None = None
    reference_draws: int | None = None
    seconds: float = math.inf

    @property
    def of_reference(self) -> int | None:
        """Draws of each reference; None where they are not fixed."""
        if self.reference_draws is not None or self.draws is None:
            return self.reference_draws
        return 4 * self.draws


def next_look(
    done: int, spent: float, allowed: float, fixed: int | None, wanted: float = math.inf
) -> int | None:
    """At how many draws to look at the errors next; None where no more are to be drawn.

    Looks are few, at 16 draws and then at most at every doubling, since to look often and to stop
    at the first error that is small by chance would make the errors too small.

    Args:
        done: Draws so far.
        spent: Seconds that they took.
        allowed: Seconds that all may take.
        fixed: How many there must be, where that is fixed.
        wanted: How many will probably do.
    """
    if fixed is not None:
        return fixed if done < fixed else None
    if not done:
        return FEWEST
    fewer = FEWEST * math.ceil(min(1.1 * wanted, MOST) / FEWEST)
    total = min(2 * done, MOST, max(fewer, done + FEWEST))
    return total if total > done and spent * total / done <= allowed else None


def bound_tolerance(gap: float) -> float:
    """The Monte-Carlo error in nats of a value that is small enough, given its gap."""
    return max(NATS, SHARE_OF_GAP * abs(gap)) if math.isfinite(gap) else NATS


def in_words() -> list[str]:
    """The rule, for a table's notes."""
    return [
        f"draws: until +- MC is below {NATS:g} nats or {SHARE_OF_GAP:.0%} of the gap, the error "
        f"of a variance and of dSNR below {RELATIVE:.0%},",
        f"  the median coordinate of a reference {SIGNAL:g} of its errors from zero; "
        f"{FEWEST} to {MOST:,} of each, looked at as they double",
    ]

"""The keywords that `ais` and `bdmc` share."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from ..options import SweepOptions

Start = Literal["guide", "prior"]
Schedule = Literal["sigmoid", "linear"]

Transition = Callable[..., dict[str, Tensor]]
"""`transition(latents, beta, *args) -> latents` [K, B, ...]: a move that keeps pi_beta."""


class AnnealingOptions(SweepOptions, total=False):
    """Keywords of `ais` and `bdmc`: how chains move, and how the data are gone over.

    Args:
        schedule: "sigmoid" has more temperatures at both ends of the path, "linear" is even.
        num_leapfrog: Leapfrog steps of each move.
        target_acceptance: Acceptance probability to which the step size of each datum is adapted.
        transition: Moves to make instead, `transition(latents, beta, *args) -> latents`, with
            latents by site [K, B, ...] and `args` those of the pair for B of the rows. A move
            leaves pi_beta invariant.
        chunk: Chains times data moved at once.
        rows: See `SweepOptions`, as for the other options.

    Raises:
        ConfigError: A value makes no sense.
    """

    schedule: Schedule
    num_leapfrog: int
    target_acceptance: float
    transition: Transition | None

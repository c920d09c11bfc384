"""The keywords that `ais` and `bdmc` share."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from ..collect import Compile
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
        compile: Capture the gradient that moves chains as a graph that all blocks share. True
            compiles it by inductor. "auto" decides by the work ahead: a short path is eager, a
            longer one goes through torch's interpreter without Pyro, to the same numbers, and
            the longest through inductor, to the same but for rounding. What cannot be a graph
            runs eagerly, with a `CaptureWarning` where `compile` is True.
        chunk: Chains times data moved at once.
        rows: See `SweepOptions`, as for the other options.

    Raises:
        ConfigError: A value makes no sense.
    """

    schedule: Schedule
    num_leapfrog: int
    target_acceptance: float
    transition: Transition | None
    compile: Compile

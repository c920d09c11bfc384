"""Learning-rate schedules: the progress of a run in [0, 1] -> a factor on the base rate.

A schedule knows nothing but the progress, so that a resumed run continues it exactly. Schedulers
of torch are taken as well; `PerStep` and `PerEpoch` say when they are stepped.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from ...errors import ConfigError

Schedule = Callable[[float], float]
ScheduleLike = str | Callable[..., Any] | Any
"""A name, a function of the progress, what makes one, or a scheduler of torch: see `fit`."""


@dataclass(frozen=True)
class PerStep:
    """A scheduler of torch that is stepped after every step of the optimiser.

    Args:
        scheduler: A scheduler, its class, or a function that makes one from an optimiser.

    Example:
        >>> from torch.optim.lr_scheduler import LinearLR
        >>> warm_up = PerStep(lambda optimizer: LinearLR(optimizer, 0.01, total_iters=500))
    """

    scheduler: Any


@dataclass(frozen=True)
class PerEpoch:
    """A scheduler of torch that is stepped after every epoch.

    Args:
        scheduler: A scheduler, its class, or a function that makes one from an optimiser.
    """

    scheduler: Any


def constant() -> Schedule:
    """The base rate throughout."""
    return lambda progress: 1.0


def cosine(warmup: float = 0.0, floor: float = 0.0) -> Schedule:
    """Rise linearly from 0 to 1 within `warmup`, then fall along a half cosine to `floor`.

    Args:
        warmup: Share of the run that rises, in [0, 1).
        floor: Factor at the end, in [0, 1].

    Raises:
        ConfigError: A share lies outside its range.

    Source:
        SGDR (Loshchilov and Hutter, 2017), eq. 5, https://arxiv.org/abs/1608.03983

    Example:
        >>> schedule = cosine(warmup=0.2)
        >>> [round(schedule(progress), 3) for progress in (0.1, 0.2, 0.6, 1.0)]
        [0.5, 1.0, 0.5, 0.0]
    """
    _check_shares("cosine", warmup, floor)

    def schedule(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        done = (progress - warmup) / (1 - warmup)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

    return schedule


def warmup_cosine(warmup: float = 0.1, floor: float = 0.0) -> Schedule:
    """`cosine` with a warm-up: by default a tenth of the run."""
    return cosine(warmup, floor)


def linear(warmup: float = 0.0, floor: float = 0.0) -> Schedule:
    """Rise linearly from 0 to 1 within `warmup`, then fall linearly to `floor`.

    Args:
        warmup: Share of the run that rises, in [0, 1).
        floor: Factor at the end, in [0, 1].

    Raises:
        ConfigError: A share lies outside its range.

    Example:
        >>> schedule = linear(floor=0.5)
        >>> schedule(0.0), schedule(0.5), schedule(1.0)
        (1.0, 0.75, 0.5)
    """
    _check_shares("linear", warmup, floor)

    def schedule(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        return 1 - (1 - floor) * (progress - warmup) / (1 - warmup)

    return schedule


def exponential(final: float = 1e-2) -> Schedule:
    """Fall by a constant ratio per step, to `final` > 0 at the end.

    Example:
        >>> round(exponential(0.01)(0.5), 3)
        0.1
    """
    if not 0 < final < math.inf:
        raise ConfigError(
            f"exponential(final={final}): the factor at the end must be above 0, and finite"
        )
    return lambda progress: final**progress


def piecewise(starts: Sequence[float], factors: Sequence[float]) -> Schedule:
    """One constant factor after another.

    Args:
        starts: Progress at which each factor begins, rising, the first 0.
        factors: As many factors.

    Raises:
        ConfigError: The two do not fit together.

    Example:
        >>> schedule = piecewise([0, 0.5], [1.0, 0.1])
        >>> schedule(0.49), schedule(0.5)
        (1.0, 0.1)
    """
    starts, factors = list(starts), list(factors)
    if not starts or starts[0] != 0 or sorted(starts) != starts or len(starts) != len(factors):
        raise ConfigError(
            f"piecewise(starts={starts}, factors={factors}): needs rising starts, the first 0, "
            "and one factor for each"
        )
    return lambda progress: factors[bisect_right(starts, progress) - 1]


def iwae() -> Schedule:
    """Eight passes, the i-th 3^i epochs long at 10^(-i/7) times the base rate (1e-3).

    The passes are shares of 3,280 epochs, whatever the number of epochs that are run.

    Source:
        Importance Weighted Autoencoders (Burda et al., 2016), sec. 5,
        https://arxiv.org/abs/1509.00519
    """
    lengths = [3**i for i in range(8)]
    ends = list(accumulate(lengths))
    starts = [end - length for end, length in zip(ends, lengths, strict=True)]
    return piecewise([start / ends[-1] for start in starts], [10 ** (-i / 7) for i in range(8)])


def _check_shares(name: str, warmup: float, floor: float) -> None:
    if not (0 <= warmup < 1 and 0 <= floor <= 1):
        raise ConfigError(
            f"{name}(warmup={warmup}, floor={floor}): warmup is a share of the run in [0, 1), "
            "floor a factor in [0, 1]"
        )

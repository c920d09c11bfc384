"""Learning-rate schedules: the progress of a run in [0, 1] -> a factor on the base rate.

A schedule knows nothing but the progress, so that a resumed run continues it exactly.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate

from torch import Tensor
from torch.optim import Optimizer

from ...errors import ConfigError

Schedule = Callable[[float], float]


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
    if not (0 <= warmup < 1 and 0 <= floor <= 1):
        raise ConfigError(
            f"cosine(warmup={warmup}, floor={floor}): warmup is a share of the run in [0, 1), "
            "floor a factor in [0, 1]"
        )

    def schedule(progress: float) -> float:
        if progress < warmup:
            return progress / warmup
        done = (progress - warmup) / (1 - warmup)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * done))

    return schedule


def exponential(final: float = 1e-2) -> Schedule:
    """Fall by a constant ratio per step, to `final` > 0 at the end.

    Example:
        >>> round(exponential(0.01)(0.5), 3)
        0.1
    """
    if final <= 0:
        raise ConfigError(f"exponential(final={final}): the factor at the end must be above 0")
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


def set_rate(optimizer: Optimizer | None, schedule: Schedule | None, progress: float) -> None:
    """Set each group's rate to its first one times the factor of the schedule."""
    if schedule is None or optimizer is None:
        return
    factor = schedule(progress)
    for group in optimizer.param_groups:
        rate = group.setdefault("initial_lr", float(group["lr"])) * factor
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate

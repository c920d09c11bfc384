"""What the latents say about the data, and how far the aggregate posterior is from the prior."""

import math
from dataclasses import dataclass
from typing import Any, cast

from torch import Tensor

from ...errors import PyrovaeError
from ...runtime.result import without_nan
from ..latents.elbo_surgery import elbo_surgery
from ..options import SweepOptions
from ..sweep import Sweep

_ROWS = 1000  # data, each of whose draws is scored under the posterior of each


@dataclass(frozen=True)
class Information:
    """Mutual information of data and latents, and KL(q(z) || p(z)), in nats.

    Attributes:
        mutual_information: I(x; z) under the guide, all latents together. Too low where it comes
            near `limit`: N data cannot show more.
        error: Its standard error over the data.
        limit: log N.
        gap_at_most: KL(q(z) || p(z)); too high by as much as the other is too low.
        gap_error: Its standard error.
        num_data: N, of these evenly spaced data.
        refusal: Why there is none of it; empty where there is.
    """

    mutual_information: float = math.nan
    error: float = math.nan
    limit: float = math.nan
    gap_at_most: float = math.nan
    gap_error: float = math.nan
    num_data: int = 0
    refusal: str = ""

    @property
    def is_limited(self) -> bool:
        """Whether the number of data alone may decide the value."""
        return self.mutual_information > self.limit - 1.0

    def numbers(self) -> dict[str, Any]:
        """The same by name."""
        return cast(dict[str, Any], without_nan(vars(self)))

    def __str__(self) -> str:
        if self.refusal:
            return f"I(x; z) is not known: {self.refusal}"
        if self.is_limited:
            return (
                f"I(x; z) is at least {self.mutual_information:.2f} nats, near the log N = "
                f"{self.limit:.2f} of {self.num_data} data, which show no more"
            )
        return (
            f"I(x; z) = {self.mutual_information:.3f} +- {self.error:.3f} nats, "
            f"KL(q(z) || p(z)) = {self.gap_at_most:.3f} +- {self.gap_error:.3f}, of "
            f"{self.num_data} data"
        )


def information_of(
    sweep: Sweep, num_particles: int, options: SweepOptions, refusal: str = ""
) -> Information:
    """Measure evenly spaced data of a sweep, up to 1,000; why not, where the guide cannot."""
    if refusal:
        return Information(refusal=refusal)
    step = math.ceil(sweep.num_data / _ROWS)
    data = sweep.inputs.source[::step]
    rest = (
        arg[::step] if isinstance(arg, Tensor) and arg.shape[:1] == (sweep.num_data,) else arg
        for arg in sweep.inputs.rest
    )
    try:
        found = elbo_surgery(
            sweep.model, sweep.guide, data, *rest, num_particles=num_particles, **options
        )
    except (PyrovaeError, NotImplementedError) as error:
        return Information(refusal=str(error))
    means = found.means()
    return Information(
        mutual_information=means["mutual_information"],
        error=found.standard_errors["mutual_information"],
        limit=found.limit,
        gap_at_most=means["marginal_kl"],
        gap_error=found.standard_errors["marginal_kl"],
        num_data=len(found.kl),
    )

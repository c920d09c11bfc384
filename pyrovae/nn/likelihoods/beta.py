"""Beta likelihood of shares."""

from collections.abc import Sequence
from typing import Self

import pyro.distributions as dist
from torch import Tensor

from ...distributions import beta
from .base import Likelihood, Reading, Values
from .positive import Positive, Source


class Beta(Likelihood):
    """Beta likelihood of numbers between 0 and 1, both excluded, by mean and concentration.

    The decoder outputs the logits of the mean p, then the logarithm of the concentration c if
    that is predicted; the variance is p (1 - p) / (c + 1). Near 0 and 1 the density may grow
    without bound.

    Args:
        concentration: c: "predicted" for each element, "learned", or a number.
        shape: Of a learned c: () for one, the shape of a datum for one per dimension.

    Raises:
        ConfigError: A number is not positive, a word is not known, or `shape` is given for a
            concentration that is not learned.
        ShapeError: The data do not end in `shape`.

    Source:
        Beta regression for modelling rates and proportions (Ferrari & Cribari-Neto, 2004), eq. 4,
        https://doi.org/10.1080/0266476042000214501

    Example:
        >>> import torch
        >>> Beta()(torch.zeros(3, 2, 8), event_dim=1).log_prob(torch.full((3, 8), 0.5)).shape
        torch.Size([3])
    """

    needs = "numbers between 0 and 1, both excluded"

    def __init__(self, concentration: Source = "predicted", *, shape: Sequence[int] = ()) -> None:
        super().__init__()
        self.concentration = Positive(
            "Beta", "concentration", concentration, shape=shape, init=10.0
        )
        self.num_parameters = 1 + self.concentration.num_parameters

    @classmethod
    def example(cls) -> Self:
        return cls("learned")  # a small concentration has draws that float32 rounds to 1

    @property
    def ends(self) -> tuple[float, float]:
        return (0.0, 1.0)

    @property
    def stand_in(self) -> float:
        return 0.5

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        return beta.Beta(params[0], self.concentration.log(params[0], iter(params[1:])))

    def reading(self, parameter: int) -> Reading:
        return "log" if parameter else "logits"

    def accepts(self, values: Values) -> bool:
        return values.low > 0 and values.high < 1

    def remark(self, values: Values) -> str | None:
        if not (values.low >= 0 and values.high <= 1):
            return None
        return (
            "Exact 0 and 1 have no density under it: ContinuousBernoulli allows them, or move "
            "them inside by half of what the data resolve"
        )

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        return "Beta()" if values.low > 0 and values.high < 1 else None

    def extra_repr(self) -> str:
        return self.concentration.extra_repr()

"""Discretised logistic likelihood for fine grey levels."""

import math
from collections.abc import Callable
from typing import Self

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import logsigmoid, softplus

from ...errors import ConfigError
from .base import Likelihood, Reading, Sizes, Values


class DiscretizedLogistic(Likelihood):
    """Logistic likelihood discretised to the grey levels 0..levels-1, for 8-bit images.

    The decoder outputs a mean, in units in which the levels span -1..1, and a number r. The scale
    is min_scale + softplus(r) in the same units, about exp(r) for small r. The lowest and the
    highest level take the tails, so the probabilities sum to one exactly. Data are the levels
    themselves, of any dtype.

    Args:
        levels: Number of grey levels, at least two.
        min_scale: Smallest scale; 1e-3 is an eighth of the distance of two 8-bit levels.

    Raises:
        ConfigError: `levels` is below two, or `min_scale` not positive.

    Source:
        PixelCNN++ (Salimans et al., 2017), sec. 2.1, with one component,
        https://arxiv.org/abs/1701.05517

    Example:
        >>> pixels = DiscretizedLogistic()(torch.zeros(3, 2, 8, 8), event_dim=2)
        >>> pixels.log_prob(torch.full((3, 8, 8), 255.0)).shape
        torch.Size([3])
    """

    num_parameters = 2

    def __init__(self, levels: int = 256, min_scale: float = 1e-3) -> None:
        super().__init__()
        if levels < 2 or not 0 < min_scale < math.inf:
            raise ConfigError(
                f"DiscretizedLogistic got levels={levels} and min_scale={min_scale}; it needs two "
                "levels or more and a positive, finite min_scale"
            )
        self.levels = levels
        self.min_scale = float(min_scale)
        self.needs = f"whole numbers in 0..{levels - 1}"
        self.bounds = (0.0, float(levels - 1))

    @classmethod
    def example(cls) -> Self:
        return cls(levels=17)

    def distribution(self, params: Tensor) -> dist.TorchDistribution:
        loc, raw = params.unbind(0)
        return _DiscretizedLogistic(self.levels, loc, self.min_scale + softplus(raw))

    def reading(self, parameter: int) -> Reading:
        return "log" if parameter else "levels"

    def accepts(self, values: Values) -> bool:
        return values.whole and values.low >= 0 and values.high <= self.levels - 1

    def rescale(self, x: Tensor) -> Tensor:
        return x / ((self.levels - 1) / 2) - 1  # 2 * x would overflow for bytes

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        top = values.top_level
        return f"DiscretizedLogistic(levels={top + 1})" if top is not None and top > 1 else None

    def extra_repr(self) -> str:
        return f"levels={self.levels}, min_scale={self.min_scale:g}"


class _DiscretizedLogistic(dist.TorchDistribution):
    """Level x has the mass of a logistic variable between x - 1/2 and x + 1/2."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}

    def __init__(self, levels: int, loc: Tensor, scale: Tensor) -> None:
        self.levels, self.loc, self.scale = levels, loc, scale
        super().__init__(loc.shape, validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> constraints.Constraint:
        return constraints.integer_interval(0, self.levels - 1)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "_DiscretizedLogistic":
        loc, scale = self.loc.expand(batch_shape), self.scale.expand(batch_shape)
        return _DiscretizedLogistic(self.levels, loc, scale)

    def log_prob(self, value: Tensor) -> Tensor:
        # For edges a < b: sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)). The
        # logarithms of the factors are exact where the difference would cancel to 0.
        top = self.levels - 1
        x = value.to(self.loc.dtype)
        below = ((2 * x - 1) / top - 1 - self.loc) / self.scale
        above = ((2 * x + 1) / top - 1 - self.loc) / self.scale
        log_width = torch.log(-torch.expm1(-2 / (top * self.scale)))
        not_lowest, not_highest = x > 0, x < top
        return (
            torch.where(not_highest, logsigmoid(above), 0.0)
            + torch.where(not_lowest, logsigmoid(-below), 0.0)
            + torch.where(not_lowest & not_highest, log_width, 0.0)
        )

    @property
    def mean(self) -> Tensor:
        return self._expected(lambda level: level)

    @property
    def variance(self) -> Tensor:
        mean = self.mean
        return self._expected(lambda level: (level - mean) ** 2)

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            u = torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device)
            logistic = self.loc + self.scale * torch.logit(u)
            top = self.levels - 1
            return ((logistic + 1) * top / 2).round().clamp(0, top)  # the tails

    def _expected(self, of_level: Callable[[int], Tensor | int]) -> Tensor:
        # One level at a time: all at once would need `levels` times the memory of the images.
        total = torch.zeros_like(self.loc)
        for level in range(self.levels):
            log_prob = self.log_prob(self.loc.new_full((), level))
            total = total + log_prob.exp() * of_level(level)
        return total

"""Student's t distribution."""

import math
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.distributions import constraints

# Coefficients of log Gamma(h + 1/2) - log Gamma(h) - log(h) / 2 in 1/h, 1/h^3, ...: the error is
# below 1e-15 from h = 16 on.
_SERIES = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432)
_FAR = 16.0


class StudentT(dist.TorchDistribution):
    """Student's t: a normal with heavy tails; it becomes the normal as `df` grows.

    Pyro's subtracts two log-gamma functions of df / 2: in float32 it is off by .08 nats at a `df`
    of a million, for every datum in the same direction.

    Args:
        df: Degrees of freedom, above 1 where a mean is wanted; broadcastable to `loc`.
        loc: Centre [...].
        scale: Of the same units, broadcastable to `loc`.

    Example:
        >>> one = torch.tensor(1.0)
        >>> bool(StudentT(one, 0 * one, one).log_prob(one).exp().isclose(1 / (2 * math.pi * one)))
        True
    """

    arg_constraints = {
        "df": constraints.positive,
        "loc": constraints.real,
        "scale": constraints.positive,
    }
    support = constraints.real

    def __init__(self, df: Tensor, loc: Tensor, scale: Tensor) -> None:
        shape = torch.broadcast_shapes(df.shape, loc.shape, scale.shape)
        self.df, self.loc, self.scale = df, loc.expand(shape), scale
        super().__init__(shape, validate_args=False)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "StudentT":  # noqa: ANN401
        return StudentT(self.df, self.loc.expand(batch_shape), self.scale)

    def log_prob(self, value: Tensor) -> Tensor:
        y = (value - self.loc) / self.scale
        peak = _log_gamma_ratio(self.df / 2) - 0.5 * math.log(2 * math.pi) - self.scale.log()
        return peak - (self.df + 1) / 2 * torch.log1p(y**2 / self.df)

    @property
    def mean(self) -> Tensor:
        return torch.where(self.df > 1, self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        # 1 + 2 / (df - 2) does not overflow for a large df.
        inflation = 1 + 2 / torch.where(self.df > 2, self.df - 2, 1.0)
        found = torch.where(self.df > 2, self.scale**2 * inflation, math.inf)
        return torch.where(self.df > 1, found, math.nan).expand(self.batch_shape)

    def sample(self, sample_shape: Any = ()) -> Tensor:  # noqa: ANN401
        shape = self._extended_shape(sample_shape)
        with torch.no_grad():
            half = (self.df / 2).expand(shape)
            spread = torch.sqrt(torch._standard_gamma(half) / half)
            return self.loc + self.scale * torch.randn_like(spread) / spread


def _log_gamma_ratio(h: Tensor) -> Tensor:
    """log Gamma(h + 1/2) - log Gamma(h) - log(h) / 2, which vanishes as h grows."""
    is_near = h < _FAR
    near, inverse = torch.where(is_near, h, 1.0), 1 / torch.where(is_near, _FAR, h)
    exact = torch.lgamma(near + 0.5) - torch.lgamma(near) - 0.5 * near.log()
    series = sum(c * inverse ** (2 * n + 1) for n, c in enumerate(_SERIES))
    return torch.where(is_near, exact, series)

"""Monotone rational splines of one number."""

import math
from typing import Literal

import torch
from pyro.distributions.transforms.utils import clamp_preserve_gradients
from torch import Tensor
from torch.nn import functional as F

from ...errors import ConfigError
from ..sizes import as_size
from .elementwise import Elementwise

Order = Literal["linear", "quadratic"]

_LEAST = 1e-3  # smallest bin, as a share of the box, and smallest slope at a knot
_ONE = math.log(math.expm1(1 - _LEAST))  # the raw value whose slope is one
_LEAST_SPLIT = 0.025


class RationalSpline(Elementwise):
    """A smooth monotone map of [-bound, bound] onto itself through knots; the identity beyond.

    It has no branch and no boolean mask, so it can be captured. Values outside the box are
    replaced by 0 for the computation, and their result is not used.

    Args:
        order: "quadratic": a bin holds one quotient of quadratic functions. "linear": it holds
            two quotients of affine functions.
        num_bins: Number of bins between the knots.
        bound: Half the width of the box.

    Raises:
        ConfigError: The order is neither, or a number is too small or too large.

    Source:
        Neural Spline Flows (Durkan et al., 2019), sec. 3.1, https://arxiv.org/abs/1906.04032;
        Invertible Generative Modeling using Linear Rational Splines (Dolatabadi et al., 2020),
        sec. 3.2, https://arxiv.org/abs/2001.05168
    """

    def __init__(self, order: Order, num_bins: int, bound: float) -> None:
        if order not in ("linear", "quadratic"):
            raise ConfigError(f"a spline got order={order!r}; choose 'linear' or 'quadratic'")
        num_bins = as_size(num_bins, "num_bins", "a spline")
        if not 1 <= num_bins <= 500 or not bound > 0:
            raise ConfigError(
                f"a spline got num_bins={num_bins} and bound={bound}; it needs between 1 and 500 "
                "bins and a positive bound"
            )
        self.order, self.num_bins, self.bound = order, num_bins, float(bound)
        self.num_params = (4 if order == "linear" else 3) * num_bins - 1

    def forward(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        inside, at = self._enter(x)
        left, width, bottom, *shape = self._bin(at, params, by_height=False)
        rise, log_slope = self._rise((at - left) / width, *shape)
        return self._leave(inside, x, bottom + rise, log_slope - width.log())

    def backward(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        inside, at = self._enter(y)
        left, width, bottom, *shape = self._bin(at, params, by_height=True)
        theta = (_linear_inverse if self.order == "linear" else _quadratic_inverse)(
            at - bottom, *shape
        )
        theta = clamp_preserve_gradients(theta, 0.0, 1.0)  # rounding may leave the bin
        log_slope = self._rise(theta, *shape)[1] - width.log()
        return self._leave(inside, y, left + theta * width, log_slope)

    def knots(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Positions x and y of the knots and slopes there, each [..., num_bins + 1]."""
        widths, heights, slopes, *_ = self._split(params)
        ends = torch.ones_like(widths[..., :1])
        inner = F.softplus(slopes + _ONE) + _LEAST
        return self._edges(widths), self._edges(heights), torch.cat([ends, inner, ends], -1)

    def _split(self, params: Tensor) -> tuple[Tensor, ...]:
        n = self.num_bins
        sizes = [n, n, n - 1] + ([n] if self.order == "linear" else [])
        return params.split(sizes, dim=-1)

    def _edges(self, raw: Tensor) -> Tensor:
        shares = _LEAST + (1 - _LEAST * self.num_bins) * raw.softmax(-1)
        inner = 2 * self.bound * shares.cumsum(-1)[..., :-1] - self.bound
        return F.pad(F.pad(inner, (1, 0), value=-self.bound), (0, 1), value=self.bound)

    def _bin(self, at: Tensor, params: Tensor, by_height: bool) -> list[Tensor]:
        """The bin of each number: left, width, bottom, height, two slopes, split; each [...].

        The slopes at the bin's ends are d height / d theta, theta in [0, 1] being the position
        within the bin.
        """
        xs, ys, slopes = self.knots(params)
        rows = [
            xs[..., :-1],
            xs.diff(),
            ys[..., :-1],
            ys.diff(),
            slopes[..., :-1],
            slopes[..., 1:],
        ]
        if self.order == "linear":
            rows.append(
                torch.sigmoid(self._split(params)[3]) * (1 - 2 * _LEAST_SPLIT) + _LEAST_SPLIT
            )
        table = torch.stack(rows, -1)
        inner = (ys if by_height else xs)[..., 1:-1]
        index = (at[..., None] >= inner).sum(-1)[..., None, None]
        size = len(rows)
        chosen = table.expand(*at.shape, self.num_bins, size).gather(
            -2, index.expand(*at.shape, 1, size)
        )
        left, width, bottom, height, start, end, *split = chosen[..., 0, :].unbind(-1)
        return [left, width, bottom, height, start * width, end * width, *split]

    def _rise(self, theta: Tensor, *shape: Tensor) -> tuple[Tensor, Tensor]:
        return (_linear if self.order == "linear" else _quadratic)(theta, *shape)

    def _enter(self, x: Tensor) -> tuple[Tensor, Tensor]:
        inside = x.abs() < self.bound
        return inside, torch.where(inside, x, torch.zeros_like(x))

    def _leave(
        self, inside: Tensor, was: Tensor, became: Tensor, log_slope: Tensor
    ) -> tuple[Tensor, Tensor]:
        return (
            torch.where(inside, became, was),
            torch.where(inside, log_slope, torch.zeros_like(log_slope)),
        )


def _quadratic(theta: Tensor, height: Tensor, start: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
    """Rise within a bin at position theta in [0, 1], and the logarithm of the slope there."""
    mixed = theta * (1 - theta)
    below = height + (start + end - 2 * height) * mixed
    rise = height * (height * theta**2 + start * mixed) / below
    slope = end * theta**2 + 2 * height * mixed + start * (1 - theta) ** 2
    return rise, 2 * (height / below).log() + slope.log()


def _quadratic_inverse(rise: Tensor, height: Tensor, start: Tensor, end: Tensor) -> Tensor:
    bend = rise * (start + end - 2 * height)
    a, b, c = height * (height - start) + bend, height * start - bend, -height * rise
    # Positive in exact arithmetic, as the slope is.
    root = (b**2 - 4 * a * c).clamp_min(torch.finfo(rise.dtype).tiny).sqrt()
    return -2 * c / (b + root)


def _linear(
    theta: Tensor, height: Tensor, start: Tensor, end: Tensor, split: Tensor
) -> tuple[Tensor, Tensor]:
    last, middle, turn = _weights(height, start, end, split)
    first_half = theta <= split
    below = torch.where(
        first_half, split - theta + middle * theta, middle * (1 - theta) + last * (theta - split)
    )
    above = torch.where(
        first_half,
        middle * turn * theta,
        middle * turn * (1 - theta) + last * height * (theta - split),
    )
    slope = middle * torch.where(first_half, split * turn, last * (1 - split) * (height - turn))
    return above / below, slope.log() - 2 * below.log()


def _linear_inverse(
    rise: Tensor, height: Tensor, start: Tensor, end: Tensor, split: Tensor
) -> Tensor:
    last, middle, turn = _weights(height, start, end, split)
    first_half = rise <= turn
    above = torch.where(
        first_half,
        split * rise,
        middle * (turn - rise) + last * split * (rise - height),
    )
    below = torch.where(
        first_half,
        rise + middle * (turn - rise),
        middle * (turn - rise) + last * (rise - height),
    )
    return above / below


def _weights(
    height: Tensor, start: Tensor, end: Tensor, split: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights at the end and at the split of a bin (1 at its start), and the rise at the split."""
    last = (start / end).sqrt()
    middle = (split * start + (1 - split) * last * end) / height
    turn = split * last * height / (1 - split + split * last)
    return last, middle, turn

"""Running moments of drawn gradients, and the errors of what is made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nan

_ROUNDING = 1e-7  # of a gradient in single precision


@dataclass(frozen=True)
class MomentsByDraw:
    """Mean and variance of gradients [P] in float64, whose memory does not grow with draws.

    Args:
        parts: Where each group of leaves lies in the vector of all.
        target: The gradient with whose direction draws are compared [P], if there is one.

    Attributes:
        count: Draws so far.
        mean: Of the draws [P].
        ratios: By draw, and by group, the ratio of a gradient's lengths along and across the
            target [count, groups].
        increments: Likewise what a draw adds to the sum of squares.
        milliseconds: Of each draw.
    """

    parts: Sequence[slice]
    target: Tensor | None = None
    count: int = 0
    mean: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    squares: Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.float64))
    ratios: tuple[Tensor, ...] = ()
    increments: tuple[Tensor, ...] = ()
    milliseconds: tuple[float, ...] = ()

    def with_draws(self, values: Tensor, milliseconds: float) -> "MomentsByDraw":
        """With more gradients [S, P]; these here stay whole if an interrupt comes."""
        values = values.double()
        size = len(values)
        earlier = torch.arange(self.count, self.count + size, device=values.device).double()
        shifted = values - self.mean  # a gradient without noise has a variance of exactly zero
        sums = shifted.cumsum(0)
        off = shifted - (sums - shifted) / earlier.clamp_min(1)[:, None]
        # Each has the variance as its mean, and is not correlated with the others (Helmert).
        squares = off.square() * (earlier / (earlier + 1))[:, None]
        ratios = self.ratios if self.target is None else (*self.ratios, self._ratios(values))
        by_part = torch.stack([squares[:, part].sum(1) for part in self.parts], 1)
        return replace(
            self,
            count=self.count + size,
            mean=self.mean + sums[-1] / (self.count + size),
            squares=self.squares + squares.sum(0),
            ratios=ratios,
            increments=(*self.increments, by_part),
            milliseconds=self.milliseconds + (milliseconds,) * size,
        )

    @property
    def variance(self) -> Tensor:
        """Unbiased estimate [P]."""
        return self.squares / (self.count - 1)

    @property
    def standard_error(self) -> Tensor:
        """Of the mean [P]."""
        return (self.variance / self.count).sqrt()

    @property
    def signal(self) -> list[float]:
        """By group, the median of |mean| in its standard errors, of what is not always zero."""
        ratio = self.mean.abs() / self.standard_error
        return [float(ratio[part].nanmedian()) for part in self.parts]

    @property
    def directional_snr(self) -> list[tuple[float, float]]:
        """By group, the mean of `ratios` with its standard error; NaN of a single coordinate, and
        of a gradient that is always zero."""  # fmt: skip
        found = []
        for part, ratios in zip(self.parts, torch.cat(self.ratios).T, strict=True):
            # NaN counts as a move: `!= 0` is true of it.
            moves = (self.mean[part] != 0).any() or self.squares[part].any()
            has_across = part.stop - part.start > 1
            known = has_across and bool(moves)
            error = float(ratios.std()) / self.count**0.5
            found.append((float(ratios.mean()), error) if known else (nan, nan))
        return found

    @property
    def variance_error(self) -> list[float]:
        """By group, the relative standard error of the variance summed over coordinates.

        From the spread of what each draw adds to the sum of squares; NaN of two draws.
        """
        if self.count < 3:
            return [nan] * len(self.parts)
        found = []
        for part, increments in zip(self.parts, torch.cat(self.increments)[1:].T, strict=True):
            error = float(increments.std()) / len(increments) ** 0.5
            total = float(self.variance[part].sum())
            found.append(error / total if total > 0 else (0.0 if total == 0 else nan))
        return found

    def _ratios(self, values: Tensor) -> Tensor:
        """Lengths of gradients along the target over those across it [S, groups]."""
        found = []
        for part in self.parts:
            own, target = values[:, part], self.target[part]  # type: ignore[index]
            along, square = own @ (target / target.norm()), own.square().sum(1)
            across = (square - along.square()).clamp_min(_ROUNDING**2 * square)
            found.append(torch.where(square == 0, 0.0, along.abs() / across.sqrt()))
        return torch.stack(found, 1)

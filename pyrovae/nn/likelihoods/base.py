"""What likelihood heads share: parameters in, distribution out, and the check of the data."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, TypeAlias

import torch
from pyro.distributions import MaskedDistribution, TorchDistribution
from torch import Tensor, nn

from ...errors import ShapeError, SupportError

Sizes: TypeAlias = torch.Size | list[int] | tuple[int, ...]


class Likelihood(nn.Module, ABC):
    """Turns the outputs of a decoder into the distribution of a datum.

    A head of one's own sets `num_parameters` and `needs`, and gives `distribution` and `accepts`
    (one over levels also `rescale`). Distributions are made with `validate_args=False`, since
    validating a decoder's outputs and the data costs a pass over both in every step; `check` looks
    at the data once instead. All log-densities are in nats.

    Attributes:
        num_parameters: P, the decoder's outputs per element of a datum.
        needs: The support in words, for the message of `check`.
        bounds: Smallest and largest value of the support; None where it has no two ends.
        known: The likelihoods that messages recommend. `nn.likelihoods` sets it to all that it
            exports, which this file cannot import.
    """

    num_parameters: int = 1
    needs: str
    bounds: tuple[float, float] | None = None
    known: ClassVar[Sequence[type[Likelihood]]] = ()

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls()

    @property
    def stand_in(self) -> float:
        """A value of the support, in whose place data may be missing: see `forward`."""
        return self.bounds[0] if self.bounds is not None else 0.0

    def forward(
        self, params: Tensor, event_dim: int, mask: Tensor | None = None
    ) -> TorchDistribution:
        """The distribution of data that have `event_dim` axes each.

        Elements are independent given the parameters, so the density of those that were observed
        is the product over them: with a mask, log_prob is that of these alone, whatever stands in
        the others, be it infinite or no number. Draws and mean are of all elements.

        Args:
            params: [..., P, *data_shape], the decoder's outputs.
            event_dim: Axes of one datum, `len(data_shape)`.
            mask: Which elements were observed, bool, [..., *data_shape] or broadcast to that;
                None: all.

        Returns:
            A distribution with the leading axes as batch shape and data_shape as event shape.

        Raises:
            ShapeError: The axis left of the data's does not hold P parameters.
        """
        axis = params.dim() - event_dim - 1
        if axis < 0 or params.shape[axis] != self.num_parameters:
            raise ShapeError(
                f"{self} got parameters of shape {tuple(params.shape)}; left of the {event_dim} "
                f"data axes it needs an axis of size {self.num_parameters}: let the decoder give "
                "[..., num_parameters, *data_shape]"
            )
        elements = self.distribution(params.movedim(axis, 0))
        if mask is not None:
            elements = _Observed(elements, mask, self.stand_in)
        return elements.to_event(event_dim)

    @abstractmethod
    def distribution(self, params: Tensor) -> TorchDistribution:
        """Elementwise distribution: [P, ..., *data_shape] -> batch shape [..., *data_shape]."""

    @abstractmethod
    def accepts(self, values: Values) -> bool:
        """Whether data that take these finite values lie inside the support."""

    def rescale(self, x: Tensor) -> Tensor:
        """The data as an encoder should see them: levels are brought to [0, 1] or [-1, 1]."""
        return x

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        """How to write this likelihood for data that take these values; None where it is unfit."""
        return None

    def check(self, x: Tensor) -> None:
        """Refuses data outside the support.

        Reads all of x and waits for the device: call it once, not in every step.

        Args:
            x: Data of any shape.

        Raises:
            SupportError: Some element is outside the support, infinite or not a number; the
                message names the likelihoods that would fit.
        """
        if x.numel() == 0:
            return
        values = Values.of(x)
        if not math.isfinite(values.low) or not math.isfinite(values.high):
            raise SupportError(
                f"{self} got data with values that are infinite or not a number; no likelihood "
                "scores those: drop or impute them"
            )
        if not self.accepts(values):
            raise SupportError(
                f"{self} got {values}; it needs {self.needs}. "
                f"What fits these data: {', '.join(_fitting(values))}"
            )


def fitting_likelihoods(x: Tensor) -> list[str]:
    """The likelihoods that fit data, each as one writes it.

    Args:
        x: Data of any shape, not empty, finite.

    Example:
        >>> fitting_likelihoods(torch.tensor([0.0, 0.3, 1.0]))
        ['Bernoulli() after binarize="dynamic"', 'ContinuousBernoulli()', 'LearnedNormal()',
         'Normal()', 'PredictedNormal()']
    """
    return _fitting(Values.of(x))


@dataclass(frozen=True)
class Values:
    """What the choice of a likelihood needs to know of the data.

    Attributes:
        low: Smallest value; not a number if any value is.
        high: Largest value; not a number if any value is.
        whole: Whether all values are integers.
    """

    low: float
    high: float
    whole: bool

    @classmethod
    def of(cls, x: Tensor) -> Values:
        low, high = torch.aminmax(x.detach())
        whole = not x.is_floating_point() or bool((x == x.round()).all())
        return cls(float(low), float(high), whole)

    @property
    def top_level(self) -> int | None:
        """The largest level that is plausibly meant, if these are levels 0, 1, 2, ...

        A part of 8-bit data may lack the brightest levels, so anything above 127 counts as 255.
        """
        if not self.whole or self.low < 0 or self.high > 65_535:
            return None
        return 255 if 127 < self.high <= 255 else max(int(self.high), 1)

    def __str__(self) -> str:
        kind = "whole numbers" if self.whole else "values"
        return f"{kind} in [{self.low:.6g}, {self.high:.6g}]"


class _Observed(MaskedDistribution):
    """Elements of which some are missing: these are scored at `stand_in`, and do not count.

    Without the stand-in a gradient would be 0 times that of a density at whatever is there.
    """

    def __init__(self, elements: TorchDistribution, mask: Tensor, stand_in: float) -> None:
        self.observed, self.stand_in = mask, stand_in  # not expanded to all particles
        super().__init__(elements, mask)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> _Observed:
        return _Observed(self.base_dist.expand(batch_shape), self.observed, self.stand_in)

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(torch.where(self.observed, value, self.stand_in))


def _fitting(values: Values) -> list[str]:
    advice = (head.suggest(values) for head in Likelihood.known)
    return [text for text in advice if text is not None]

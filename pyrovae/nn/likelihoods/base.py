"""Base of the likelihoods, and the check that data lie in a support."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self, TypeAlias

import torch
from pyro.distributions import MaskedDistribution, TorchDistribution
from torch import Tensor, nn

from ...errors import ConfigError, DecoderWarning, ShapeError, SupportError, warn

_SLACK = 0.25
"""Noise beyond the range of the means that is no reason to warn, as a share of the range."""

Reading: TypeAlias = Literal["anything", "logits", "class logits", "log", "levels", "mean"]
"""What a likelihood takes an output of a decoder for; "levels": a mean in -1..1."""

Sizes: TypeAlias = torch.Size | list[int] | tuple[int, ...]


class Likelihood(nn.Module, ABC):
    """Turns the outputs of a decoder into the distribution of a datum.

    A subclass sets `num_parameters` and `needs`, and implements `distribution` and `accepts`; one
    over levels also implements `rescale`, and one that messages should recommend implements
    `suggest`. It overrides `example` if `cls()` is large or not enough.

    Distributions are made with `validate_args=False`: validation would cost a pass over the
    decoder's outputs and the data in every step. `check` reads the data once instead. All
    log-densities are in nats.

    Attributes:
        num_parameters: P, the number of the decoder's outputs per element of a datum.
        needs: The support in words, for the message of `check`.
        bounds: Smallest and largest value of the support; None if one of them does not exist.
        output_range: Between which numbers the decoder's means lie, as far as is known, for a
            warning where data are elsewhere: see `nn.reach`.
        known: The likelihoods that messages can recommend. The package's `__init__` sets it to
            all that it exports, because this file cannot import them.
    """

    num_parameters: int = 1
    needs: str
    bounds: tuple[float, float] | None = None
    output_range: tuple[float, float] | None = None
    _is_new: bool = True
    known: ClassVar[Sequence[type[Likelihood]]] = ()

    @classmethod
    def example(cls) -> Self:
        """A small instance, for tests and documentation."""
        return cls()

    @property
    def ends(self) -> tuple[float, float] | None:
        """Between which numbers the support lies; it may leave them out, and be unbounded above.

        None where it is all real numbers.
        """
        return self.bounds

    @property
    def stand_in(self) -> float | Tensor:
        """A value of the support, for all or each, that replaces missing data: see `forward`."""
        return self.bounds[0] if self.bounds is not None else 0.0

    def forward(
        self, params: Tensor, event_dim: int, mask: Tensor | None = None
    ) -> TorchDistribution:
        """The distribution of data with `event_dim` axes each.

        Elements are independent given the parameters. With a mask, log_prob is the density of the
        observed elements alone; the others may hold any value, NaN and infinity included. Draws
        and mean cover all elements.

        Args:
            params: [..., P, *data_shape], the decoder's outputs.
            event_dim: Number of axes of one datum, `len(data_shape)`.
            mask: True where an element was observed, bool, [..., *data_shape] or broadcastable to
                it; None if all were.

        Returns:
            A distribution with the leading axes as batch shape and data_shape as event shape.

        Raises:
            ShapeError: The axis left of the data axes does not hold P parameters.
        """
        elements = self.distribution(self.parameters_first(params, event_dim))
        return self.of_a_datum(elements, event_dim, mask)

    def parameters_first(self, params: Tensor, event_dim: int) -> Tensor:
        """The decoder's outputs with the axis of the parameters first [P, ..., *data_shape].

        Raises:
            ShapeError: The axis left of the data axes does not hold P parameters.
        """
        axis = params.dim() - event_dim - 1
        if axis < 0 or params.shape[axis] != self.num_parameters:
            raise ShapeError(
                f"{self} got parameters of shape {tuple(params.shape)}; left of the {event_dim} "
                f"data axes it needs an axis of size {self.num_parameters}: let the decoder give "
                "[..., num_parameters, *data_shape]"
            )
        return params.movedim(axis, 0)

    def reading(self, parameter: int) -> Reading:
        """What it takes output number `parameter` of the decoder for."""
        return "anything"

    def of_a_datum(
        self, elements: TorchDistribution, event_dim: int, mask: Tensor | None = None
    ) -> TorchDistribution:
        """The distribution of whole data, scored where the mask is True, from that of elements."""
        if mask is not None:
            elements = _Observed(elements, mask, self.stand_in)
        return elements.to_event(event_dim)

    def given(self, made: TorchDistribution, x: Tensor) -> TorchDistribution:
        """What `forward` made, for these data [..., *data_shape].

        It differs where p(x|z) is given something of x: the size of counts. See `Counts`.
        """
        return made

    def sized(self, made: TorchDistribution, size: Tensor | float | None) -> TorchDistribution:
        """What `forward` made, for data of this size; None for the mean size seen in training.

        Raises:
            ConfigError: There is a size, and the head has no size factor.
        """
        if size is not None:
            raise ConfigError(
                f"{self} got size={size}, and takes none; sizes are those of counts, such as "
                'Poisson(size_factor="total")'
            )
        return made

    @abstractmethod
    def distribution(self, params: Tensor) -> TorchDistribution:
        """Elementwise distribution: [P, ..., *data_shape] -> batch shape [..., *data_shape]."""

    @abstractmethod
    def accepts(self, values: Values) -> bool:
        """Whether data with these finite values lie in the support."""

    def params_shape(self, data_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of a decoder's output for one datum."""
        return (self.num_parameters, *data_shape)

    def seen_shape(self, data_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what `seen` gives for one datum."""
        return data_shape

    def seen(self, x: Tensor, mask: Tensor) -> Tensor:
        """What an encoder sees of data [..., *data_shape] and their mask of what is observed.

        The data are rescaled, with zeros in the place of what is missing.
        """
        return torch.where(mask, self.rescale(x), 0.0)

    def averaged(self, made: TorchDistribution, weights: Tensor) -> Tensor:
        """The mean of a mixture of what `forward` made for K latents [..., *data_shape].

        Args:
            made: Batch shape [K, ...].
            weights: [K, ...], which sum to one over the first axis.
        """
        axes = (1,) * len(made.event_shape)
        found: Tensor = (weights.reshape(weights.shape + axes) * made.mean).sum(0)
        return found

    def rescale(self, x: Tensor) -> Tensor:
        """Scales data for an encoder: levels to [0, 1] or [-1, 1]; here they stay as they are."""
        return x

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        """The code of this likelihood for data with these values; None if it does not fit them."""
        return None

    def remark(self, values: Values) -> str | None:
        """A sentence for the message of `check`, where these values are nearly in the support."""
        return None

    def check(self, x: Tensor) -> None:
        """Check that data lie in the support.

        It reads all of x and waits for the device, so call it once, not in every step.

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
            remark = self.remark(values)
            raise SupportError(
                f"{self} got {values}; it needs {self.needs}. "
                + (f"{remark}. " if remark else "")
                + f"What fits these data: {', '.join(_fitting(values))}"
            )
        self._check_reach(values)

    def in_units_of_the_mean(self, value: float) -> float:
        """A value of the data in the units of the output that is read as "mean"."""
        return value

    def is_new(self) -> bool:
        """Whether it is asked for the first time: for what is looked at once."""
        was, self._is_new = self._is_new, False
        return was

    def _check_reach(self, values: Values) -> None:
        if self.output_range is None:
            return
        low, high = self.output_range
        least, most = map(self.in_units_of_the_mean, (values.low, values.high))
        slack = _SLACK * (high - low if math.isfinite(high - low) else max(abs(least), abs(most)))
        if least < low - slack or most > high + slack:
            self.output_range = None  # once
            warn(
                f"the decoder's output lies in [{low:g}, {high:g}], and {self} takes it for the "
                f"mean of data, which lie in [{least:.6g}, {most:.6g}]: remove what bounds it at "
                "its end, or scale the data into that range",
                DecoderWarning,
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"  # in one line, for messages


def fitting_likelihoods(x: Tensor) -> list[str]:
    """The likelihoods that fit data, each as code.

    Args:
        x: Data of any shape, not empty, finite.

    Example:
        >>> fitting_likelihoods(torch.tensor([0.0, 0.3, 1.0]))
        ['Bernoulli() after binarize="dynamic"', 'ContinuousBernoulli()', 'LearnedNormal()',
         'Normal()', 'PredictedNormal()', 'StudentT()']
    """
    return _fitting(Values.of(x))


@dataclass(frozen=True)
class Values:
    """Range and kind of data, from which a likelihood is chosen.

    Attributes:
        low: Smallest value; NaN if any value is.
        high: Largest value; NaN if any value is.
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
    def are_counts(self) -> bool:
        """Whether they are whole numbers from 0 of which some are above 1."""
        return self.whole and self.low >= 0 and self.high > 1

    @property
    def are_positive(self) -> bool:
        """Whether they are above 0 and no levels."""
        return self.low > 0 and self.top_level is None

    @property
    def top_level(self) -> int | None:
        """The largest level of data that look like levels 0, 1, 2, ...; None if they do not.

        A sample of 8-bit data may lack the brightest levels, so a maximum above 127 counts as 255.
        """
        if not self.whole or self.low < 0 or self.high > 65_535:
            return None
        return 255 if 127 < self.high <= 255 else max(int(self.high), 1)

    def __str__(self) -> str:
        kind = "whole numbers" if self.whole else "values"
        return f"{kind} in [{self.low:.6g}, {self.high:.6g}]"


class _Observed(MaskedDistribution):
    """A masked distribution that scores missing elements at `stand_in` and drops their density.

    Without `stand_in` the gradient would be 0 times that at the stored value, which may be NaN.
    """

    def __init__(
        self, elements: TorchDistribution, mask: Tensor, stand_in: float | Tensor
    ) -> None:
        self.observed, self.stand_in = mask, stand_in  # not expanded to all particles
        super().__init__(elements, mask)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> _Observed:
        return _Observed(self.base_dist.expand(batch_shape), self.observed, self.stand_in)

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(torch.where(self.observed, value, self.stand_in))


def _fitting(values: Values) -> list[str]:
    advice = (head.suggest(values) for head in Likelihood.known)
    return [text for text in advice if text is not None]

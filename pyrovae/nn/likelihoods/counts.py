"""Base of the likelihoods of counts, and the size of a datum as a factor of their rates."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from ...errors import ConfigError, ShapeError
from .base import Likelihood, Reading, Sizes, Values
from .positive import log_link

SizeFactor: TypeAlias = Literal["total"] | None
"""What the rates of a datum are proportional to: its own total, or nothing."""


class Counts(Likelihood):
    r"""Base of the likelihoods of counts 0, 1, 2, ...; they differ in the spread around a mean.

    A subclass implements `counts`. Encoders see log(1 + x).

    Without a size factor the mean of each element is exp(r) for the decoder's first output r.

    With `size_factor="total"` the decoder's first output gives shares :math:`\rho` by a softmax
    over the elements of a datum, and the mean is :math:`l \rho` for the size l of the datum: the
    sum of its counts, such as the number of molecules found in a cell. So z need not say how deep
    a datum was measured. The size is taken as given, and has no density: what is called log p(x)
    is then log p(x | l(x)), and every bound, evidence and comparison is conditional on the sizes.
    It compares with that of other models that are given the sizes, and of no others. Where values
    are missing, l is the observed total over the share of what was observed.

    `generate` takes the mean size of the training data, or `size=`. A size that is known
    otherwise is given by `given_sizes`, or by `models.GivenSizes` as an argument of the pair.
    `bdmc` makes data whose totals are not their sizes, and needs that.

    Attributes:
        size_factor: "total" or None.
        mean_size: Mean size of the data seen in training.
    """

    needs = "whole numbers from 0"

    mean_size: Tensor
    num_sizes: Tensor

    def __init__(self, size_factor: SizeFactor = None) -> None:
        super().__init__()
        if size_factor not in ("total", None):
            raise ConfigError(
                f"{type(self).__name__} got size_factor={size_factor!r}; it needs 'total', for "
                "rates that are shares of a datum's total, or None"
            )
        self.size_factor = size_factor
        self._sizes: Tensor | None = None
        if size_factor is not None:
            self.register_buffer("mean_size", torch.zeros(()))
            self.register_buffer("num_sizes", torch.zeros(()))

    @property
    def ends(self) -> tuple[float, float]:
        return (0.0, math.inf)

    @abstractmethod
    def counts(self, log_mean: Tensor, outputs: Iterator[Tensor]) -> TorchDistribution:
        """Elementwise distribution of this log-mean [..., *data_shape].

        Args:
            log_mean: Of each element.
            outputs: The decoder's outputs besides the first, of the same shape.
        """

    def of_size(self, made: SizedCounts, log_size: Tensor) -> TorchDistribution:
        """The distribution of data of this log-size [...], broadcastable to the batch shape."""
        log_mean = made.log_shares + log_size.reshape(log_size.shape + (1,) * made.event_axes)
        elements = self.counts(log_mean, iter(made.outputs[1:]))
        return self.of_a_datum(elements, made.event_axes, made.observed)

    def distribution(self, params: Tensor) -> TorchDistribution:
        return self.counts(log_link(params[0]), iter(params[1:]))

    def forward(
        self, params: Tensor, event_dim: int, mask: Tensor | None = None
    ) -> TorchDistribution:
        if self.size_factor is None:
            return super().forward(params, event_dim, mask)
        return SizedCounts(self, self.parameters_first(params, event_dim), event_dim, mask)

    def reading(self, parameter: int) -> Reading:
        return "class logits" if self.size_factor and not parameter else "log"

    def accepts(self, values: Values) -> bool:
        return values.whole and values.low >= 0

    def rescale(self, x: Tensor) -> Tensor:
        return torch.log1p(x)

    @classmethod
    def suggest(cls, values: Values) -> str | None:
        return f"{cls.__name__}()" if values.are_counts else None

    def remark(self, values: Values) -> str | None:
        if values.low < 0 or values.whole:
            return None
        return (
            "Counts that were normalised or logged are none any more: pass the raw counts, with "
            'size_factor="total" for data measured at different depths'
        )

    def given(self, made: TorchDistribution, x: Tensor) -> TorchDistribution:
        if not isinstance(made, SizedCounts):
            return made
        sizes = None if self._sizes is None else self._sizes.to(made.log_shares)
        if sizes is not None and sizes.shape != (needed := x.shape[: x.dim() - made.event_axes]):
            raise ShapeError(
                f"{self} got sizes of shape {list(sizes.shape)} for counts {list(x.shape)}, which "
                f"have a size each in {list(needed)}; of a sequence give the size of each step"
            )
        log_size = made.log_size_of(x) if sizes is None else _log(sizes)
        if self.training and torch.is_grad_enabled():
            self._note(log_size.exp() if sizes is None else sizes)
        return made.of_size(log_size)

    def sized(self, made: TorchDistribution, size: Tensor | float | None) -> TorchDistribution:
        if not isinstance(made, SizedCounts):
            return super().sized(made, size)
        if size is None and self._sizes is None:
            return made
        sizes = torch.as_tensor(self._sizes if size is None else size).to(made.log_shares)
        if not bool((sizes > 0).all()):
            raise ConfigError(f"{self} got size={size}; sizes are above 0")
        return made.of_size(_log(sizes))

    @property
    def sizes_are_given(self) -> bool:
        """Whether it is within a context of `given_sizes`."""
        return self._sizes is not None

    @contextmanager
    def given_sizes(self, size: Tensor) -> Iterator[None]:
        """Within this context the size of each datum is given, instead of its total.

        Args:
            size: [B], above 0.

        Raises:
            ConfigError: The head has no size factor.
        """
        if self.size_factor is None:
            raise ConfigError(
                f'{self} got sizes and has no size factor; build it with size_factor="total"'
            )
        before, self._sizes = self._sizes, size
        try:
            yield
        finally:
            self._sizes = before

    def extra_repr(self) -> str:
        return "" if self.size_factor is None else f"size_factor={self.size_factor!r}"

    @torch.no_grad()
    def _note(self, sizes: Tensor) -> None:
        sizes = sizes.detach().to(self.mean_size)
        self.num_sizes.add_(sizes.numel())
        self.mean_size.add_((sizes.mean() - self.mean_size) * sizes.numel() / self.num_sizes)


class SizedCounts(TorchDistribution):
    """Counts whose mean is a share of a size: that of each datum that is scored.

    Draws and moments are of the mean size seen in training; before training, of one count for
    each element. `of_size` gives the distribution of another size.

    Args:
        head: Says how counts spread around their mean.
        outputs: Of the decoder [P, ..., *data_shape]; the first gives the shares.
        event_dim: Number of axes of a datum.
        mask: Where a datum was observed, as in `Likelihood.forward`.
    """

    arg_constraints: dict[str, constraints.Constraint] = {}

    def __init__(
        self, head: Counts, outputs: Tensor, event_dim: int, mask: Tensor | None = None
    ) -> None:
        if event_dim < 1:
            raise ShapeError(
                f"{head} got event_dim=0; shares are those of the elements of a datum, which "
                "needs an axis"
            )
        self.head, self.outputs, self.event_axes, self.observed = head, outputs, event_dim, mask
        self.axes = tuple(range(-event_dim, 0))
        raw = outputs[0]
        self.log_shares = raw - raw.logsumexp(self.axes, keepdim=True)
        split = raw.dim() - event_dim
        super().__init__(raw.shape[:split], raw.shape[split:], validate_args=False)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> constraints.Constraint:
        return constraints.independent(constraints.nonnegative_integer, self.event_axes)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> SizedCounts:
        shape = (len(self.outputs), *batch_shape, *self.event_shape)
        lead = self.outputs.dim() - 1
        outputs = self.outputs.reshape(
            len(self.outputs), *(1,) * (len(shape) - 1 - lead), *self.outputs.shape[1:]
        )
        return SizedCounts(self.head, outputs.expand(shape), self.event_axes, self.observed)

    def log_size_of(self, x: Tensor) -> Tensor:
        """log l of data [..., *data_shape]; less than any count where the total is 0."""
        if self.observed is None:
            return _log(x.sum(self.axes).to(self.log_shares.dtype))
        total = torch.where(self.observed, x, 0).sum(self.axes).to(self.log_shares.dtype)
        seen = self.log_shares.masked_fill(~self.observed, -math.inf).logsumexp(self.axes)
        return _log(total) - seen.clamp(min=math.log(torch.finfo(seen.dtype).tiny))

    def of_size(self, log_size: Tensor) -> TorchDistribution:
        """The distribution of data of this log-size [...], broadcastable to the batch shape."""
        return self.head.of_size(self, log_size)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.of_size(self.log_size_of(value)).log_prob(value)

    @property
    def mean(self) -> Tensor:
        return self._typical().mean

    @property
    def variance(self) -> Tensor:
        return self._typical().variance

    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        return self._typical().sample(torch.Size(sample_shape))

    def _typical(self) -> TorchDistribution:
        mean, each = self.head.mean_size, math.prod(self.event_shape)
        size = torch.where(self.head.num_sizes > 0, mean, float(each))
        return self.of_size(_log(size.to(self.log_shares)))


def _log(size: Tensor) -> Tensor:
    return size.clamp(min=torch.finfo(size.dtype).tiny).log()

"""What was observed of each datum, and what that says given the latents."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, Self

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor


class Observation(ABC):
    """What was observed of R data of D elements each, and p(observed|x).

    A subclass is a frozen dataclass whose tensors have the R data along their first axis, unless
    their names begin with `matrix`. The elements of a datum are independent given the latents.
    """

    def at(self, rows: slice, like: Tensor) -> Self:
        """Some of the data, on the device of `like`, with numbers of its type."""
        return self._changed(lambda t: _to(t[rows], like), lambda t: _to(t, like))

    def repeated(self, copies: int) -> Self:
        """All the data, so many times one after the other."""
        return self._changed(lambda t: t.repeat(copies, *[1] * (t.dim() - 1)), lambda t: t)

    @abstractmethod
    def log_prob(self, elements: TorchDistribution) -> Tensor:
        """log p(observed|z) [R], for p(x|z) by its elements [R, ...]."""

    @abstractmethod
    def draw(self, elements: TorchDistribution) -> Tensor:
        """x ~ p(x|z, observed) [R, D]."""

    @abstractmethod
    def moments(self, elements: TorchDistribution) -> tuple[Tensor, Tensor]:
        """Mean and variance of p(x|z, observed), by element, both [R, D]."""

    @abstractmethod
    def log_rest(self, elements: TorchDistribution) -> Tensor:
        """log p(x that was hidden|z, observed) [R]; 0 where nothing is known of it."""

    @abstractmethod
    def filled(self, x: Tensor) -> Tensor:
        """x [R, D], with what was observed as it is in its place."""

    @abstractmethod
    def whole(self) -> "Masked":
        """The observation of all that is known of x, the hidden part included."""

    @property
    @abstractmethod
    def can_be_scored(self) -> bool:
        """Whether something of what was hidden is known."""

    def log_given_x(self) -> Tensor | float:
        """log p(observed|x) [R] at the x that was hidden: 0 for a mask."""
        return 0.0

    def _changed(self, rows: Any, others: Any) -> Self:  # noqa: ANN401
        held = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        return type(self)(
            **{
                name: (others if name.startswith("matrix") else rows)(value)
                if isinstance(value, Tensor)
                else value
                for name, value in held.items()
            }
        )


@dataclass(frozen=True)
class Masked(Observation):
    """Some elements were observed as they are.

    Attributes:
        x: Data in the support of the likelihood [R, D]; where an element is neither observed nor
            known it is a stand-in.
        mask: Which elements were observed, bool [R, D].
        known: Which elements of x are true values, bool [R, D].
    """

    x: Tensor
    mask: Tensor
    known: Tensor

    def log_prob(self, elements: TorchDistribution) -> Tensor:
        return _sum_at(self.mask, self._each(elements))

    def draw(self, elements: TorchDistribution) -> Tensor:
        return self.filled(elements.sample().reshape(self.x.shape).to(self.x))

    def moments(self, elements: TorchDistribution) -> tuple[Tensor, Tensor]:
        mean, variance = moments_of(elements)
        mean, variance = mean.reshape(self.x.shape), variance.reshape(self.x.shape)
        return torch.where(self.mask, self.x, mean), torch.where(self.mask, 0.0, variance)

    def log_rest(self, elements: TorchDistribution) -> Tensor:
        return _sum_at(self.known & ~self.mask, self._each(elements))

    def filled(self, x: Tensor) -> Tensor:
        return torch.where(self.mask, self.x, x)

    @property
    def can_be_scored(self) -> bool:
        return bool((self.known & ~self.mask).any())

    def whole(self) -> "Masked":
        return Masked(self.x, self.mask | self.known, self.known)

    def _each(self, elements: TorchDistribution) -> Tensor:
        x = self.x.reshape(elements.batch_shape)
        return elements.log_prob(x).reshape(self.x.shape)


def moments_of(elements: TorchDistribution) -> tuple[Tensor, Tensor]:
    """Mean and variance of each element; a draw and 0 where they are not known.

    Averaged over latents, a draw serves as a mean too.
    """
    try:
        mean, variance = elements.mean, elements.variance
        if not bool(mean.isnan().any()):
            return mean, variance
    except NotImplementedError:
        pass
    drawn = elements.sample()
    return drawn, torch.zeros_like(drawn)


def _sum_at(mask: Tensor, each: Tensor) -> Tensor:
    return torch.where(mask, each, 0.0).sum(-1)


def _to(tensor: Tensor, like: Tensor) -> Tensor:
    return tensor.to(like.device if tensor.dtype == torch.bool else like)

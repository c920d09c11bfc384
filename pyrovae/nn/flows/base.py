"""Base of the flow layers, their transforms, and their parameters."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, Self, TypeAlias

import torch
from pyro.distributions import constraints
from pyro.distributions.conditional import ConditionalTransformModule
from torch import Tensor, nn
from torch.distributions import Transform

from ...errors import InverseError, ShapeError
from ..sizes import as_size


class FlowLayer(ConditionalTransformModule, ABC):
    """An invertible map of vectors [..., L] whose parameters may depend on a context [..., C].

    It is a Pyro `ConditionalTransformModule` and works in a `ConditionalTransformedDistribution`.
    `condition` makes a new transform on each call, so no state of an earlier call is kept.

    A subclass implements `condition`. It overrides `example` if `cls(dim, context_dim)` is large
    or not enough.

    Args:
        dim: L.
        context_dim: C. With 0 the parameters do not depend on a context: call `condition(None)`.

    Attributes:
        scores_any: Whether the density of any z can be computed. If not, only a z that the
            transform has just drawn can be scored. ELBO, IWAE and most objectives need no more;
            path-derivative estimators (STL, DReG) then use the plain gradient and warn.
        starts_near_identity: Whether a new layer is near the identity. Layers that only mix the
            elements are not.
        takes_context: Whether its map depends on the context.
        min_dim: The smallest L.

    Raises:
        ConfigError: A size is no whole number, or too small.
    """

    scores_any: bool = True
    starts_near_identity: bool = True
    takes_context: bool = True
    min_dim: ClassVar[int] = 1

    def __init__(self, dim: int, context_dim: int = 0) -> None:
        super().__init__()
        where = type(self).__name__
        self.dim = as_size(dim, "dim", where, at_least=self.min_dim)
        self.context_dim = as_size(context_dim, "context_dim", where, at_least=0)

    @classmethod
    def example(cls, dim: int, context_dim: int = 0) -> Self:
        """A small instance, for tests and documentation."""
        return cls(dim, context_dim)

    @abstractmethod
    def condition(self, context: Tensor | None = None) -> Transform:
        """The transform for a context [..., C], or for None where `context_dim` is 0."""

    def check_context(self, context: Tensor | None) -> None:
        """Check that the context has the size that the layer was built for.

        Raises:
            ShapeError: It does not end in C, is missing, or is given where C is 0.
        """
        size = 0 if context is None else context.shape[-1]
        if size != self.context_dim:
            given = "none" if context is None else f"shape {list(context.shape)}"
            raise ShapeError(
                f"{type(self).__name__}(dim={self.dim}) was built for context_dim="
                f"{self.context_dim} and got {given}; pass [..., {self.context_dim}]"
                if self.context_dim
                else f"{type(self).__name__}(dim={self.dim}) was built without a context and got "
                f"one of {given}; build it with context_dim={size}"
            )

    def extra_repr(self) -> str:
        return f"dim={self.dim}, context_dim={self.context_dim}"


class LayerTransform(Transform, ABC):
    """A layer's map of vectors [..., L] for one context.

    `forward` and `backward` also return the log-determinant. The one of the latest call is cached,
    so scoring a draw needs no second pass. Other values are mapped again.
    """

    domain = constraints.real_vector
    codomain = constraints.real_vector
    bijective = True

    def __init__(self) -> None:
        super().__init__(cache_size=1)
        self._log_det: Tensor | None = None

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """y [..., L] and log |det dy/dx| [...]."""

    def backward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """x [..., L] and log |det dy/dx| [...].

        Raises:
            InverseError: There is no inverse.
        """
        refuse_inverse(type(self).__name__.lstrip("_"))

    def _call(self, x: Tensor) -> Tensor:
        y, self._log_det = self.forward(x)
        return y

    def _inverse(self, y: Tensor) -> Tensor:
        x, self._log_det = self.backward(y)
        return x

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        known_x, known_y = self._cached_x_y
        if x is known_x and y is known_y and self._log_det is not None:
            return self._log_det
        return self.forward(x)[1]


def refuse_inverse(layer: str) -> NoReturn:
    """Raise the error of a layer that has no inverse and is asked to score another value.

    Raises:
        InverseError: Always.
    """
    raise InverseError(
        f"{layer} has no inverse: it can only score what it has just drawn; to score any z, use "
        "layers whose scores_any is true, such as AffineCoupling or InverseAutoregressive"
    )


LayerFactory = Callable[[int, int], FlowLayer]
"""Builds a layer for L and C: a layer's class, or a partial of it."""

Layer: TypeAlias = Any
"""What `as_layer` takes: layers and their factories, transforms of torch, Pyro and zuko, lists."""


class Amortised(nn.Module):
    """Parameters [..., \\*shape]: an affine map of a context [..., C], or constants if C is 0.

    They start near zero, where the layers are near the identity.

    Args:
        shape: Shape of one set of parameters.
        context_dim: C.
        scale: Standard deviation of the constant part at the start, and of the context's part if
            the elements of the context have size one.
    """

    def __init__(self, shape: tuple[int, ...], context_dim: int, *, scale: float = 0.05) -> None:
        super().__init__()
        self.shape = shape
        size = math.prod(shape)
        self.bias = nn.Parameter(scale * torch.randn(size))
        self.weight = None
        if context_dim:
            self.weight = nn.Parameter(scale * torch.randn(size, context_dim) / context_dim**0.5)

    def forward(self, context: Tensor | None) -> Tensor:
        if self.weight is None or context is None:
            return self.bias.reshape(self.shape)
        flat = nn.functional.linear(context, self.weight, self.bias)
        return flat.reshape(*context.shape[:-1], *self.shape)

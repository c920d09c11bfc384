"""Transforms of torch, of Pyro and of libraries built on them, as layers."""

from collections.abc import Iterator
from copy import copy
from typing import Any, cast

import torch
from pyro.distributions.conditional import ConditionalTransform
from pyro.distributions.transforms import (
    BatchNorm,
    ConditionalMatrixExponential,
    MatrixExponential,
)
from torch import Tensor, nn
from torch.distributions import ComposeTransform, IndependentTransform, Transform
from torch.distributions.transforms import _InverseTransform

from ...distributions.held_tensors import as_parameter
from ...errors import ConfigError, first_line
from .base import FlowLayer, LayerTransform, refuse_inverse

_NO_INVERSE = (KeyError, NotImplementedError)  # what transforms without one raise


class Adapted(FlowLayer):
    """A transform that is no layer of this library, as a layer: its parameters are trained.

    It may be a `torch.distributions.Transform` of vectors or of their elements, a Pyro
    `TransformModule` or conditional transform, or a module that makes a transform when it is
    called with a context, as zuko's do. Networks and tensors that a transform holds move and are
    saved with the layer. What a transform caches of a draw is not kept.

    Args:
        dim: L.
        context_dim: C.
        source: The transform, or what makes one.

    Raises:
        ConfigError: It does not map vectors [N, L], or gives no density in training mode.

    Example:
        >>> import pyro.distributions.transforms as T
        >>> layer = Adapted(4, 0, T.affine_coupling(4))
        >>> layer.scores_any, layer.condition()(torch.zeros(3, 4)).shape
        (True, torch.Size([3, 4]))
    """

    starts_near_identity = False

    def __init__(self, dim: int, context_dim: int, source: Any) -> None:  # noqa: ANN401
        super().__init__(dim, context_dim)
        # In a tuple, so that it is no submodule: its networks are, once each.
        self._source = (source,)
        self.takes_context = not isinstance(source, Transform)
        self.networks = nn.ModuleList()
        self._tensors: list[tuple[Transform, dict[str, str]]] = []
        for part in _parts(source):
            if isinstance(part, nn.Module):
                self.networks.append(part)
            else:
                self._hold_tensors(part)
        self._refuse_wrong_densities()
        self._probe()

    @property
    def _name(self) -> str:
        return type(self._source[0]).__name__

    def condition(self, context: Tensor | None = None) -> Transform:
        self.check_context(context)
        source = self._source[0]
        if isinstance(source, ConditionalTransform):
            if context is None:
                raise ConfigError(
                    f"{type(source).__name__} needs a context, and there is none, as in a prior; "
                    "take a transform without one"
                )
            source = source.condition(context)
        elif not isinstance(source, Transform):
            source = source(context)
        if not isinstance(source, Transform):
            raise ConfigError(
                f"{self._name} gave a {type(source).__name__}, and a layer gives "
                "a transform; a module that gives distributions can be a prior or a posterior"
            )
        return _Adapted(self._fresh(source), type(source).__name__)

    def extra_repr(self) -> str:
        return f"{self._name}, {super().extra_repr()}"

    def _hold_tensors(self, part: Transform) -> None:
        """Register the tensors of a transform that is no module."""
        names = {}
        for name, value in vars(part).items():
            if isinstance(value, Tensor):
                names[name] = f"{name.lstrip('_')}_{len(self._tensors)}"
                if value.requires_grad and value.is_leaf:
                    parameter = as_parameter(value, self.parameters())
                    self.register_parameter(names[name], parameter)
                else:
                    self.register_buffer(names[name], value)
        if names:
            self._tensors.append((part, names))

    def _refuse_wrong_densities(self) -> None:
        for part in self.modules():
            if isinstance(part, BatchNorm):
                raise ConfigError(
                    "the BatchNorm transform normalises by the batch in training mode, so that "
                    "its density is not that of the draws; leave it out"
                )
            if isinstance(part, MatrixExponential | ConditionalMatrixExponential):
                raise ConfigError(
                    f"{type(part).__name__} cuts off a series, so that its determinant is not "
                    "that of its map; take pyrovae.nn.flows.Householder to mix elements"
                )

    def _fresh(self, transform: Transform) -> Transform:
        """A copy with the same networks, whose cache is its own."""
        if isinstance(transform, ComposeTransform):
            return ComposeTransform([self._fresh(part) for part in transform.parts])
        if isinstance(transform, _InverseTransform):
            return self._fresh(cast(Transform, transform.inv)).inv
        if isinstance(transform, IndependentTransform):
            inner = self._fresh(transform.base_transform)
            return IndependentTransform(inner, transform.reinterpreted_batch_ndims)
        made = copy(transform)
        made._cached_x_y, made._inv = (None, None), None
        if isinstance(made, nn.Module):  # which may have transforms inside
            inside: dict[str, Any] = dict(made._modules)
            for name, network in inside.items():
                if isinstance(network, Transform):
                    inside[name] = self._fresh(network)
            made._modules = inside
        for part, names in self._tensors:
            if part is transform:
                for name, held in names.items():
                    setattr(made, name, getattr(self, held))
        return made

    @torch.no_grad()
    def _probe(self) -> None:
        """Apply the transform once, and find out whether it has an inverse."""
        some = next((p for p in self.parameters() if p.is_floating_point()), torch.zeros(()))
        z = torch.linspace(0.1, 0.9, 2 * self.dim).to(some).reshape(2, self.dim)
        context = some.new_zeros(2, self.context_dim) if self.context_dim else None
        try:
            transform = self.condition(context)
            y = transform(z)
            log_det = transform.log_abs_det_jacobian(z, y)
        except ConfigError:
            raise
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError) as error:
            raise ConfigError(
                f"the layer {self._name} failed on vectors of shape "
                f"{list(z.shape)}: {first_line(error)}; build it for vectors of size {self.dim}"
            ) from error
        if y.shape != z.shape or log_det.shape != z.shape[:1]:
            raise ConfigError(
                f"the layer {self._name} maps vectors of shape "
                f"{list(z.shape)} to {list(y.shape)}, with log-determinants of shape "
                f"{list(log_det.shape)}; it has to keep the size, with one determinant each"
            )
        try:
            transform.inv(y.clone())
        except NotImplementedError:
            self.scores_any = False


class _Adapted(LayerTransform):
    def __init__(self, inner: Transform, name: str) -> None:
        super().__init__()
        self._inner, self._name = inner, name
        self.domain = _of_vectors(inner.domain)
        self.codomain = _of_vectors(inner.codomain)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self._inner(x)
        return y, self._log_det_of(x, y)

    def backward(self, y: Tensor) -> tuple[Tensor, Tensor]:
        try:
            x = self._inner.inv(y)
        except _NO_INVERSE:
            refuse_inverse(self._name)
        return x, self._log_det_of(x, y)

    def _log_det_of(self, x: Tensor, y: Tensor) -> Tensor:
        log_det: Tensor = self._inner.log_abs_det_jacobian(x, y)
        return log_det.sum(-1) if self._inner.domain.event_dim == 0 else log_det


def _of_vectors(of: Any) -> Any:  # noqa: ANN401
    missing = 1 - of.event_dim
    return torch.distributions.constraints.independent(of, missing) if missing > 0 else of


def _parts(source: Any) -> Iterator[Any]:  # noqa: ANN401
    """The transforms that a transform is made of, or another source as it is."""
    if isinstance(source, ComposeTransform):
        for part in source.parts:
            yield from _parts(part)
    elif isinstance(source, _InverseTransform):
        yield from _parts(source.inv)
    elif isinstance(source, IndependentTransform):
        yield from _parts(source.base_transform)
    else:
        yield source

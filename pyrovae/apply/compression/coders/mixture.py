"""Mixtures of distributions of vectors, by bits back on the component."""

from typing import Any

import numpy as np
import torch
from pyro.distributions import MixtureOfDiagNormals, MixtureOfDiagNormalsSharedCovariance
from torch import Tensor
from torch.distributions import Independent, MixtureSameFamily, Normal

from ....distributions.mixture import Mixture
from ....distributions.normal_mixture import NormalMixture
from ....errors import ConfigError
from ..stack import Array, Stack
from ..symbols import Table
from .base import Coder, padded
from .choice import coder_for, kind_for

_OF_NORMALS = NormalMixture, MixtureOfDiagNormals, MixtureOfDiagNormalsSharedCovariance


class MixtureCoder(Coder):
    """Codes a value z of a mixture as a component k, and z given k, getting the bits of k back.

    To push z, k is popped from its posterior p(k|z), then z is pushed given k, and k by its
    weight. This costs log-sum-exp, not the best component.
    """

    @staticmethod
    def takes(fn: Any) -> bool:  # noqa: ANN401
        if isinstance(fn, MixtureSameFamily):
            return len(fn.event_shape) == 1
        return isinstance(fn, (Mixture, *_OF_NORMALS))

    @staticmethod
    def widths(fn: Any, value: Tensor) -> Tensor:  # noqa: ANN401
        _, components = _parts(fn)
        given = value.unsqueeze(-2).expand(*components.batch_shape, *components.event_shape)
        found = kind_for("a mixture", components).widths(components, given)
        return torch.empty(0) if found is None else found

    def push(self, stack: Stack, value: Tensor) -> None:
        which = stack.pop(self._posterior(value))
        self._coder(which).push(stack, value)
        stack.push(self._weights(), which)

    def pop(self, stack: Stack) -> Tensor:
        which = stack.pop(self._weights())
        value = self._coder(which).pop(stack)
        stack.push(self._posterior(value), which)
        return value

    def _weights(self) -> Table:
        return self._table(_parts(self.fn)[0])

    def _posterior(self, value: Tensor) -> Table:
        log_weights, components = _parts(self.fn)
        given = value.unsqueeze(-2).expand(*components.batch_shape, *components.event_shape)
        return self._table(components.log_prob(given) + log_weights)

    def _table(self, logits: Tensor) -> Table:
        probs = logits[: self.rows].softmax(-1).reshape(self.rows, -1, logits.shape[-1])
        return Table(np.ascontiguousarray(probs.double().cpu().numpy()))

    def _coder(self, which: Array) -> Coder:
        """Of the chosen component of each row."""
        _, components = _parts(self.fn)
        index = padded(torch.from_numpy(which), self.shape[0]).reshape(self.fn.batch_shape)
        chosen = _chosen(components, index, self.name)
        return coder_for(self.name, chosen, self.rows, self.lattice, is_open=self.is_open)


def _parts(fn: Any) -> tuple[Tensor, Any]:  # noqa: ANN401
    """Log-weights [*batch_shape, C], and components of that batch shape."""
    components: Any
    if isinstance(fn, Mixture):
        log_weights, components = fn.log_weights, fn.components
    elif isinstance(fn, MixtureSameFamily):
        log_weights, components = fn.mixture_distribution.logits, fn.component_distribution
    else:
        scale = fn.coord_scale
        if isinstance(fn, MixtureOfDiagNormalsSharedCovariance):
            scale = scale.unsqueeze(-2)
        log_weights = fn.component_logits.log_softmax(-1)
        components = Independent(Normal(*torch.broadcast_tensors(fn.locs, scale)), 1)
    shape = fn.batch_shape + log_weights.shape[-1:]
    return log_weights.expand(shape), components.expand(shape)


def _chosen(fn: Any, which: Tensor, name: str) -> Any:  # noqa: ANN401
    """The component of each, from components of batch shape [*which.shape, C].

    Raises:
        ConfigError: Such components cannot be taken out of their batch.
    """
    if isinstance(fn, Independent):
        lead = fn.base_dist.batch_shape[which.dim() + 1 :]
        base = _gathered(fn.base_dist, which, len(lead), name)
        return Independent(base, fn.reinterpreted_batch_ndims, validate_args=False)
    return _gathered(fn, which, 0, name)


def _gathered(fn: Any, which: Tensor, inner: int, name: str) -> Any:  # noqa: ANN401
    params = {}
    for key, constraint in type(fn).arg_constraints.items():
        if key in fn.__dict__ or key in ("scale_tril", "logits"):
            value = getattr(fn, key)
            shape = (*fn.batch_shape, *value.shape[value.dim() - constraint.event_dim :])
            value = value.expand(shape)
            index = which[(..., *[None] * (value.dim() - which.dim()))]
            index = index.expand(*which.shape, 1, *value.shape[which.dim() + 1 :])
            params[key] = value.gather(which.dim(), index).squeeze(which.dim())
    if "logits" in params:
        params.pop("probs", None)
    if "scale_tril" in params:
        params = {"loc": params["loc"], "scale_tril": params["scale_tril"]}
    try:
        return type(fn)(**params, validate_args=False)
    except TypeError as error:
        raise ConfigError(
            f"site '{name}' is a mixture of {type(fn).__name__}s, which cannot be coded: they "
            "cannot be taken out of the mixture one by one; use a mixture of normals"
        ) from error

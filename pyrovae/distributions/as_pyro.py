"""Distributions of torch, and of libraries built on it, as Pyro's."""

from functools import cache
from typing import Any, cast

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistributionMixin
from torch import distributions as of_torch
from torch.distributions import Distribution, Independent, TransformedDistribution


def as_pyro(fn: Distribution) -> dist.TorchDistribution:
    """The same distribution with what Pyro needs of one: a call draws, a plate expands it.

    One of torch's becomes Pyro's class of that name, so that closed forms are found. Another, such
    as a flow of zuko, becomes a class that inherits from its own.

    Example:
        >>> import torch
        >>> as_pyro(torch.distributions.Normal(0.0, torch.ones(3))).to_event(1).event_shape
        torch.Size([3])
    """
    if is_pyros(fn):
        return cast(dist.TorchDistribution, fn)
    if type(fn) is Independent:
        return as_pyro(fn.base_dist).to_event(fn.reinterpreted_batch_ndims)
    if type(fn) is TransformedDistribution:
        return dist.TransformedDistribution(as_pyro(fn.base_dist), fn.transforms)
    cls: Any = _pyros(cast(Any, type(fn)))
    if "__init__" in vars(cls):  # which sets more than torch's
        made: Any = cls(**{name: getattr(fn, name) for name in fn.arg_constraints})
        made._validate_args = fn._validate_args
    else:
        made = cls.__new__(cls)
        made.__dict__.update(fn.__dict__)
    return cast(dist.TorchDistribution, made)


def is_pyros(fn: Distribution) -> bool:
    """Whether it is one of Pyro's, or as good as one."""
    return issubclass(type(fn), TorchDistributionMixin)


def _expand(self: Any, batch_shape: Any, _instance: Any = None) -> Any:  # noqa: ANN401
    """Of the class that a new one inherits from, given a `torch.Size` where Pyro gives a list."""
    if _instance is not None:
        return super(type(self), self).expand(torch.Size(batch_shape), _instance)
    return as_pyro(super(type(self), self).expand(torch.Size(batch_shape)))


@cache
def _pyros(cls: type[Distribution]) -> type[Any]:
    """Pyro's class of the same name, or a new one."""
    own = getattr(dist, cls.__name__, None)
    is_torchs = getattr(of_torch, cls.__name__, None) is cls
    if is_torchs and isinstance(own, type) and issubclass(own, cls):
        return own
    space = {"__module__": cls.__module__, "expand": _expand}
    made: type[Any] = type(cls.__name__, (cls, TorchDistributionMixin), space)
    return made

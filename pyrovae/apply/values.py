"""Values of latents and copies of rows, as the uses need them."""

from typing import Any

import torch
from pyro.distributions import TorchDistribution
from torch import Tensor
from torch.distributions.constraints import Constraint

from ..errors import ConfigError, SiteError


def support_of(fn: TorchDistribution) -> Constraint:
    """The support.

    Raises:
        SiteError: The distribution does not state it.
    """
    support = fn.support
    if support is None:
        raise SiteError(f"a {type(fn).__name__} does not state its support, which is needed here")
    return support


def mean_or_none(fn: Any) -> Tensor | None:  # noqa: ANN401
    """The mean of a distribution over a continuum; None where it states none."""
    if fn.support.is_discrete:
        return None
    try:
        mean: Tensor = fn.mean
    except NotImplementedError:
        return None
    return None if bool(mean.isnan().any()) else mean


def any_value(_: str, fn: TorchDistribution) -> Tensor | None:
    """A value of a latent where only what comes after it is asked for: 0 where none can be drawn.

    An improper prior, as an autoencoder has, cannot be drawn from.
    """
    try:
        fn.sample()
    except (ConfigError, NotImplementedError):
        return torch.zeros(fn.batch_shape + fn.event_shape)
    return None


def repeated(args: tuple[Any, ...], copies: int) -> list[Any]:
    """Arguments of R rows, for the rows `copies` times one after the other."""
    rows = len(args[0])
    return [
        tiled(a, copies) if isinstance(a, Tensor) and a.shape[:1] == (rows,) else a for a in args
    ]


def tiled(tensor: Tensor, copies: int) -> Tensor:
    """[R, ...] -> [copies * R, ...]."""
    return tensor.repeat(copies, *[1] * (tensor.dim() - 1))

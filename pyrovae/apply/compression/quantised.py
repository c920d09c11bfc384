"""Latents on a grid, coded under the prior: what lossy coding sends."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from pyro.distributions import Normal, TorchDistribution
from torch import Tensor
from torch.distributions import Normal as TorchNormal

from ...distributions.elements import elements_of
from ...errors import ConfigError, SiteError
from ...particles.conditionals import conditionals
from ...particles.tracing import Program
from ..observed import elements_at, site_of_data
from .symbols import constriction

_LARGEST = 2**20  # of a grid point's number


def posterior_mean_values(guide: Program, args: Sequence[Any]) -> dict[str, Tensor]:
    """The guide's mean at each of its latents, given the means before it.

    Raises:
        SiteError: A latent is not continuous, or its distribution states no mean.
    """

    def mean(name: str, fn: TorchDistribution) -> Tensor:
        try:
            found: Tensor = fn.mean
        except NotImplementedError:
            found = torch.tensor(torch.nan)
        if getattr(fn.support, "is_discrete", False) or bool(found.isnan().any()):
            raise SiteError(
                f"lossy coding sends the mean of q(z|x) on a grid, and at site '{name}' a "
                f"{type(fn).__name__} has none; use a pair of normal latents, or lossless coding"
            )
        return found

    sites = conditionals(guide, *args, values=mean)
    return {name: site.value for name, site in sites.items() if not site.is_observed}


def encode_latents(
    model: Program, args: Sequence[Any], values: Mapping[str, Tensor], step: float
) -> np.ndarray:
    """Words of a stream that holds latents, each rounded to a multiple of `step`.

    Raises:
        ConfigError: The library `constriction` is not installed, or the grid is too fine.
        SiteError: A prior p(z | z before it) is not normal with independent elements.
    """
    points = {name: (value.double() / step).round() for name, value in values.items()}
    sites = conditionals(
        model, *args, values=lambda name, fn: _at(points[name], step, values[name])
    )
    symbols = {name: _whole(name, found) for name, found in points.items()}
    reach = max((int(abs(found).max()) for found in symbols.values() if found.size), default=0)
    stream, family = _stream(reach)
    for name, site in reversed(sites.items()):
        if not site.is_observed:
            stream.encode_reverse(symbols[name], family, *_normal(name, site.fn, step))
    return np.concatenate([stream.get_compressed(), np.array([reach], np.uint32)])


def decode_data(model: Program, args: Sequence[Any], words: np.ndarray, step: float) -> Tensor:
    """The mean of p(x|z) for the latents of a stream.

    Args:
        model: Pyro model.
        args: As it was encoded, of which only the number of rows is used of the data.
        words: What `encode_latents` gave.
        step: The same.
    """
    stream, family = _stream(int(words[-1]), words[:-1])

    def next_value(name: str, fn: TorchDistribution) -> Tensor:
        found = stream.decode(family, *_normal(name, fn, step))
        points = torch.from_numpy(found.astype(np.float64)).reshape(fn.shape())
        like: Tensor = fn.mean
        return _at(points, step, like)

    sites = conditionals(model, *args, values=next_value)
    name, site = site_of_data(sites, args[0])
    mean: Tensor = elements_at(name, site.fn, "lossy coding").mean
    return mean.reshape(args[0].shape)


def _at(points: Tensor, step: float, like: Tensor) -> Tensor:
    return (points * step).to(like)


def _whole(name: str, points: Tensor) -> np.ndarray:
    if not bool((points.abs() <= _LARGEST).all()):
        raise ConfigError(
            f"at site '{name}' a grid of this step has more than {_LARGEST:,} points on a side; "
            "give a larger step"
        )
    return points.flatten().cpu().numpy().astype(np.int32)


def _normal(name: str, fn: TorchDistribution, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each element, in grid steps."""
    elements = elements_of(fn)
    if not isinstance(elements, Normal | TorchNormal):
        raise SiteError(
            f"lossy coding codes latents under a normal prior of independent elements, and that "
            f"of site '{name}' is a {type(fn).__name__}; use StandardNormal or NormalPrior, or "
            "lossless coding"
        )
    parts = (elements.loc, elements.scale)
    loc, scale = (
        part.expand(fn.shape()).double().flatten().cpu().numpy() / step for part in parts
    )
    return loc, scale


def _stream(reach: int, words: np.ndarray | None = None) -> tuple[Any, Any]:
    """A coder, and the family of normals on the whole numbers from -reach to reach."""
    library = constriction()
    family = library.stream.model.QuantizedGaussian(-reach - 1, reach + 1)
    coder = library.stream.stack.AnsCoder
    return (coder() if words is None else coder(words)), family

"""Foreign data that need no file: made of the data of a pair, in their shape and their values."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import ConfigError, ShapeError

_FEW = 256


def foreign_data(kind: str, x: Tensor, seed: int = 0) -> Tensor:
    """Foreign data as many and of the same shape as x [N, ...], from values that x has.

    Args:
        kind: "constant": every element of a datum has one value. "noise": each element is drawn
            from all values. "shuffled": the elements of a datum in random order, one order for
            each. "inverted": the highest value plus the lowest, minus x. "mean": each datum moved
            nine tenths of the way to the mean of all, which for levels is rounded.
        x: Normal data.
        seed: Of the draws.

    Raises:
        ConfigError: There is no such kind.

    Example:
        >>> foreign_data("inverted", torch.tensor([[0.0, 1.0], [1.0, 1.0]]))
        tensor([[1., 0.],
                [0., 0.]])
    """
    if kind not in KINDS:
        raise ConfigError(
            f"there are no foreign data {kind!r}, by that name or as a file; name one of "
            f"{sorted(KINDS)}, or give a file with as many values a datum"
        )
    return KINDS[kind](x.double(), torch.Generator().manual_seed(seed)).to(x)


def like(foreign: Tensor, x: Tensor) -> Tensor:
    """Foreign data in the shape of the data of a pair.

    Raises:
        ShapeError: They have another number of elements.
    """
    if foreign[0].numel() != x[0].numel():
        raise ShapeError(
            f"foreign data are {list(foreign.shape[1:])} each, and the pair's own are "
            f"{list(x.shape[1:])}; crop or scale them to as many values"
        )
    return foreign.reshape(-1, *x.shape[1:])


def _values(x: Tensor, count: torch.Size, generator: torch.Generator) -> Tensor:
    levels = x.unique().cpu()
    if len(levels) > _FEW:
        share = torch.rand(count, generator=generator, dtype=torch.float64)
        return levels[0] + share * (levels[-1] - levels[0])
    return levels[torch.randint(len(levels), count, generator=generator)]


def _constant(x: Tensor, generator: torch.Generator) -> Tensor:
    drawn = _values(x, x.shape[:1], generator)
    return drawn.reshape(-1, *[1] * (x.dim() - 1)).expand(x.shape)


def _noise(x: Tensor, generator: torch.Generator) -> Tensor:
    return _values(x, x.shape, generator)


def _shuffled(x: Tensor, generator: torch.Generator) -> Tensor:
    flat = x.flatten(1)
    order = torch.rand(flat.shape, generator=generator).argsort(1).to(x.device)
    return flat.gather(1, order).reshape(x.shape)


def _inverted(x: Tensor, generator: torch.Generator) -> Tensor:
    return x.max() + x.min() - x


def _near_mean(x: Tensor, generator: torch.Generator) -> Tensor:
    made = x.mean(0) + 0.1 * (x - x.mean(0))
    return made.round() if torch.equal(x, x.round()) else made


KINDS: Mapping[str, Callable[[Tensor, torch.Generator], Any]] = {
    "constant": _constant,
    "noise": _noise,
    "shuffled": _shuffled,
    "inverted": _inverted,
    "mean": _near_mean,
}

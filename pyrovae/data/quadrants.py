"""Images cut into given quadrants and quadrants to predict."""

from dataclasses import replace

import torch
from torch import Tensor

from ..errors import ConfigError, DataError, ShapeError
from .base import Dataset, Split


def quadrants(dataset: Dataset, given: int = 1) -> Dataset:
    """Images for p(x|y): y holds the pixels of the given quadrants, x those of the others.

    As in Pyro's tutorial on conditional VAEs, one given quadrant is the bottom left, two are the
    left half, and three are all but the bottom right. `x` [N, D'] and `y` [N, D - D'] hold the
    pixels in the order of the image; `join_quadrants` restores the image.

    y may hold grey levels while x is binarised:
    `quadrants(mnist(root, unit=True), 1).binarized("dynamic")`.

    Args:
        dataset: Images [N, ..., H, W], H and W at least 2.
        given: Number of given quadrants: 1, 2 or 3.

    Raises:
        ConfigError: `given` is another number.
        ShapeError: The data are not such images.
        DataError: The data are drawn anew on every pass.

    Source:
        https://pyro.ai/examples/cvae.html; Sohn, Lee & Yan (2015), sec. 5.1,
        https://papers.nips.cc/paper/5775

    Example:
        >>> from pyrovae.data import digits
        >>> train = quadrants(digits(), given=1).train
        >>> train.x.shape, train.y.shape
        (torch.Size([1197, 48]), torch.Size([1197, 16]))
    """
    if dataset.train.dynamic:
        raise DataError(
            f"quadrants: {dataset.name} is binarised anew on every pass, but y would stay grey; "
            "cut grey levels in [0, 1] (unit=True) and binarise x afterwards: "
            'quadrants(...).binarized("dynamic")'
        )
    known = _given(tuple(dataset.shape), given)
    train, val, test = (_cut(s, known) for s in (dataset.train, dataset.val, dataset.test))
    info = {**dataset.info, "quadrants": given}
    name = f"{dataset.name}, {given} of 4 quadrants given"
    return replace(dataset, name=name, train=train, val=val, test=test, info=info)


def join_quadrants(x: Tensor, y: Tensor, shape: tuple[int, ...], given: int) -> Tensor:
    """Images [..., *shape] from the parts that `quadrants` makes.

    Args:
        x: Pixels of the predicted quadrants [..., D'].
        y: Pixels of the given quadrants [..., D - D'].
        shape: Shape of an image.
        given: Number of given quadrants.

    Raises:
        ShapeError: The parts do not make such an image.

    Example:
        >>> from pyrovae.data import digits
        >>> whole, cut = digits().test, quadrants(digits(), given=3).test
        >>> torch.equal(join_quadrants(cut.x, cut.y, (1, 8, 8), given=3), whole.x)
        True
    """
    known = _given(tuple(shape), given)
    sizes = int((~known).sum()), int(known.sum())
    if (x.shape[-1], y.shape[-1]) != sizes:
        raise ShapeError(
            f"join_quadrants got {x.shape[-1]} and {y.shape[-1]} pixels; images of shape "
            f"{list(shape)} with given={given} have {sizes[0]} to predict and {sizes[1]} given"
        )
    lead = torch.broadcast_shapes(x.shape[:-1], y.shape[:-1])
    whole = x.new_empty(*lead, *shape)
    whole[..., ~known], whole[..., known] = x, y.to(x.dtype)
    return whole


def _cut(split: Split, known: Tensor) -> Split:
    known = known.to(split.x.device)
    return replace(split, x=split.x[:, ~known], y=split.x[:, known])


def _given(shape: tuple[int, ...], given: int) -> Tensor:
    """Mask of the given pixels, bool [*shape]."""
    if given not in (1, 2, 3):
        raise ConfigError(
            f"quadrants: given={given}, and of four quadrants 1, 2 or 3 can be given"
        )
    if len(shape) < 2 or min(shape[-2:]) < 2:
        raise ShapeError(
            f"quadrants: data of shape {list(shape)} are not images of at least 2 by 2 pixels; "
            "reshape them to [..., H, W]"
        )
    known = torch.zeros(shape, dtype=torch.bool)
    middle, centre = shape[-2] // 2, shape[-1] // 2
    known[..., middle:, :centre] = True
    if given >= 2:
        known[..., :centre] = True
    if given == 3:
        known[..., :middle, :] = True
    return known

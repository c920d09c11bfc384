"""Data with values missing completely at random."""

from dataclasses import replace

import torch
from torch import Tensor

from ..errors import ConfigError
from .base import Dataset, Split, mix_seed


def missing(dataset: Dataset, share: float, *, seed: int = 0) -> Dataset:
    """The same data, of which each value is missing with probability `share`.

    The masks do not depend on the data. They replace the labels: `y` [N, ...] is True where `x` is
    observed, and `x` is zero elsewhere. A mask that would hide a whole row is drawn again.
    `models.PartialVAE` is called with both (`split.labelled()`). `dataset` still holds the
    complete rows, in the same order.

    Args:
        dataset: Complete data.
        share: Probability that a value is missing, in [0, 1).
        seed: Seed of the masks.

    Raises:
        ConfigError: `share` is out of range.

    Source:
        Statistical Analysis with Missing Data (Little & Rubin, 1987), sec. 1.3

    Example:
        >>> from pyrovae.data import digits
        >>> train = missing(digits(), 0.5).train
        >>> train.y.dtype, round(float(train.y.double().mean()), 2)
        (torch.bool, 0.5)
    """
    if not 0 <= share < 1:
        raise ConfigError(
            f"missing got share={share}; it needs a number in [0, 1), such as 0.5 for half"
        )
    splits = (dataset.train, dataset.val, dataset.test)
    train, val, test = (_with_missing(s, share, mix_seed(seed, i)) for i, s in enumerate(splits))
    info = {**dataset.info, "missing": share, "missing_seed": seed}
    return replace(dataset, train=train, val=val, test=test, info=info)


def _with_missing(split: Split, share: float, seed: int) -> Split:
    generator = torch.Generator().manual_seed(seed)

    def draw(n: int) -> Tensor:
        return torch.rand(n, *split.shape, generator=generator) >= share

    mask = draw(len(split))
    while len(bare := (~mask.flatten(1).any(1)).nonzero().flatten()):
        mask[bare] = draw(len(bare))
    mask = mask.to(split.x.device)
    return replace(split, x=split.x * mask, y=mask)

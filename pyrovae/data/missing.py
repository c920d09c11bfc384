"""Data of which some values are taken away, completely at random."""

from dataclasses import replace

import torch
from torch import Tensor

from ..errors import ConfigError
from .base import Dataset, Split, mix_seed


def missing(dataset: Dataset, share: float, *, seed: int = 0) -> Dataset:
    """The same data, each value of which is missing with probability `share`.

    Missing completely at random: the masks do not depend on the data. They take the place of the
    labels: `y` [N, ...] is True where `x` was observed, and `x` is zero elsewhere. A row that
    would lose everything draws its mask anew. `models.PartialVAE` is called with both
    (`split.labelled()`); what was taken away is still in `dataset`, row by row.

    Args:
        dataset: Whole data.
        share: In [0, 1).
        seed: Of the masks.

    Raises:
        ConfigError: `share` is no such number.

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
    train, val, test = (_thinned(s, share, mix_seed(seed, i)) for i, s in enumerate(splits))
    info = {**dataset.info, "missing": share, "missing_seed": seed}
    return replace(dataset, train=train, val=val, test=test, info=info)


def _thinned(split: Split, share: float, seed: int) -> Split:
    generator = torch.Generator().manual_seed(seed)

    def draw(n: int) -> Tensor:
        return torch.rand(n, *split.shape, generator=generator) >= share

    mask = draw(len(split))
    while len(bare := (~mask.flatten(1).any(1)).nonzero().flatten()):
        mask[bare] = draw(len(bare))
    mask = mask.to(split.x.device)
    return replace(split, x=split.x * mask, y=mask)

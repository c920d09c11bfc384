"""Arguments for the programs of a pair, from a split of data."""

import torch
from torch import Tensor

from ..data import Split


def batch_of(split: Split, size: int) -> tuple[Tensor, ...]:
    """The first rows as a pair is called with them: x, and y where the batches have labels."""
    few = split[:size]
    return (few.x, few.y) if few.with_labels and few.y is not None else (few.x,)


def first_batch(split: Split, size: int = 2) -> tuple[Tensor, ...]:
    """The same, with data drawn where the split holds probabilities."""
    few = split[:size]
    return batch_of(few.binarized(0) if few.dynamic else few, size)


def to_generate(split: Split, n: int) -> tuple[Tensor, ...]:
    """Arguments for a model that is to make `n` data: how many, and of what.

    Returns:
        x, of which only the number and the shape count [n, ...]; where the batches have labels,
        also y: every class in turn, or what the first rows have where it is no class [n, ...].
    """
    one = split[:1].binarized(0) if split.dynamic else split[:1]  # else no head would take it
    x = one.x.expand(n, *split.shape)
    if not split.with_labels or split.y is None:
        return (x,)
    if split.y.dim() > 1 or split.y.is_floating_point():
        rows = torch.arange(n, device=split.y.device) % len(split)
        return x, split.y[rows]
    classes = split.y.unique()
    classes = classes[classes >= 0]
    return x, classes.repeat_interleave(-(-n // len(classes)))[:n]

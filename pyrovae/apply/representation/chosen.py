"""Which data are labelled."""

from typing import Any

import torch
from torch import Tensor

from ...data import Dataset, Split, rows
from ...data.base import mix_seed
from ...distributions.labelled_categorical import UNKNOWN
from ...errors import DataError
from ...evaluate.options import SweepOptions
from ..labels import as_given


def labelled_split(x: Any, y: Any, options: SweepOptions) -> Split:  # noqa: ANN401 (any kind)
    """Test data with their labels, from what a user gives; rows without a label are left out.

    Raises:
        DataError: There are no labels, or they do not fit the data.
    """
    if isinstance(x, Dataset):
        x = x.test
    table = rows(x, columns=options.get("columns"), transform=options.get("transform"))
    data, *others = table[: len(table)]
    if y is None:
        y = others[0] if others else x.y if isinstance(x, Split) else None
    return known_rows(Split(data, None if y is None else as_given("y", y).to(data.device)))


def known_rows(split: Split) -> Split:
    """The rows of a split that have a label.

    Raises:
        DataError: There is none.
    """
    if split.y is None or split.y.dim() != 1:
        got = "no labels" if split.y is None else f"labels of shape {list(split.y.shape)}"
        raise DataError(
            f"features got {got} for {len(split)} data; it needs y [N] for the test data and for "
            "train, -1 where a class is not known"
        )
    if split.dynamic:
        raise DataError(
            "features got a split of probabilities that every pass draws afresh; give one draw, "
            "`split.binarized(seed)`"
        )
    known = split if split.y.is_floating_point() else split[split.y != UNKNOWN]
    if len(known) == 0:
        raise DataError(f"features got {len(split)} data, none of which has a label")
    return known


def choices(y: Tensor, count: int, num_repeats: int, seed: int) -> Tensor:
    """Rows to label, classes in proportion and one of each at least [S, count].

    Args:
        y: Labels of all rows [N]: whole numbers are classes.
        count: How many rows.
        num_repeats: S choices, each at random.
        seed: Of the choices.

    Raises:
        DataError: There are fewer rows, or more classes than rows are to be labelled.
    """
    is_class = not y.is_floating_point()
    classes, number, sizes = y.cpu().unique(return_inverse=True, return_counts=True)
    least = len(classes) if is_class else 2
    if not least <= count <= len(y) or is_class and len(classes) < 2:
        raise DataError(
            f"features was asked for {count} labelled data, of {len(y)} in train that have a "
            f"label, {f'of {len(classes)} classes' if is_class else 'each a value'}; give numbers "
            f"from {max(least, 2)} to {len(y)}, of two classes at least"
        )
    found = []
    for repeat in range(num_repeats):
        generator = torch.Generator().manual_seed(mix_seed(seed, count, repeat))
        order = torch.randperm(len(y), generator=generator)
        if is_class:
            # Each row's rank in its class as a share of it: the smallest of these are a fair part.
            # The first row of each class stands before all others.
            kinds = number[order]
            rank = torch.zeros(len(y), dtype=torch.float64)
            for place, size in enumerate(sizes.tolist()):
                rank[kinds == place] = (torch.arange(size).double() + 0.5) / size
                rank[(kinds == place).nonzero()[0]] = 0.0
            order = order[rank.argsort(stable=True)]
        found.append(order[:count])
    return torch.stack(found)

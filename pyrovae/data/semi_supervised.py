"""Data with few labels, and batches that mix labelled and unlabelled data."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from ..distributions.labelled_categorical import UNKNOWN
from ..errors import ConfigError, DataError
from .base import Dataset, Split, mix_seed
from .batches import Batches
from .minibatches import Minibatches


def few_labels(data: Dataset, num_labelled: int, *, seed: int = 0) -> Dataset:
    """Remove the labels of all training data but a few, equally many of each class.

    Args:
        data: A data set with classes `y` [N], whole numbers from 0.
        num_labelled: Number of labels to keep, a multiple of the number of classes.
        seed: Seed of the choice.

    Returns:
        The data set with `train.y` -1 where the label is removed, and batches `(x, y)`; val and
        test keep their labels.

    Raises:
        DataError: There are no classes.
        ConfigError: `num_labelled` is not a multiple of the classes, or too large.

    Example:
        >>> from pyrovae.data import digits
        >>> few = few_labels(digits(), 100)
        >>> int((few.train.y >= 0).sum())
        100
    """
    y = data.train.y
    if y is None or y.dim() != 1 or y.is_floating_point():
        raise DataError(
            f"few_labels: {data.name} has no classes; it needs y [N] of whole numbers from 0"
        )
    classes, counts = y[y >= 0].unique(return_counts=True)
    each, rest = divmod(num_labelled, len(classes))
    if num_labelled < 1 or rest or each > int(counts.min()):
        raise ConfigError(
            f"few_labels: num_labelled={num_labelled} of {len(classes)} classes, of which the "
            f"smallest has {int(counts.min())} data; give a multiple of {len(classes)}, at most "
            f"{len(classes) * int(counts.min())}"
        )
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(mix_seed(seed)))
    kept = torch.full_like(y, UNKNOWN)
    for label in classes:
        rows = order[(y[order] == label).to(order.device)][:each]
        kept[rows] = label
    info = {**data.info, "num_labelled": num_labelled, "labels_seed": seed}
    return replace(data, train=replace(data.train, y=kept), info=info).labelled()


class SemiSupervisedBatches(Minibatches):
    """Minibatches of labelled and unlabelled data.

    An epoch is one pass over the unlabelled data; the labelled data are repeated. As in `Batches`,
    a batch is a function of (seed, epoch, index) alone.

    Args:
        data: A split whose `y` [N] is -1 for unlabelled data, as `few_labels` gives.
        batch_size: Rows per batch, labelled and unlabelled together, B.
        num_labelled: Labelled rows per batch.
        seed: Seed of the order and of the binary draws.
        device: None is CUDA if present, else the CPU.
        drop_last: Leave out a last batch of fewer than `batch_size` rows.

    Raises:
        ConfigError: `num_labelled` is below one or leaves no row for unlabelled data.
        DataError: There are no labelled, or no unlabelled data.

    Example:
        >>> from pyrovae.data import digits
        >>> source = SemiSupervisedBatches(few_labels(digits(), 100).train, 60, num_labelled=10)
        >>> x, y = next(source.epoch(0))
        >>> x.shape, int((y >= 0).sum())
        (torch.Size([60, 1, 8, 8]), 10)
    """

    def __init__(
        self,
        data: Split,
        batch_size: int,
        *,
        num_labelled: int,
        seed: int = 0,
        device: torch.device | str | None = None,
        drop_last: bool = False,
    ) -> None:
        if not 1 <= num_labelled < batch_size:
            raise ConfigError(
                f"SemiSupervisedBatches: num_labelled={num_labelled} of a batch of {batch_size}; "
                "it needs at least one, and room for unlabelled data"
            )
        data = data.labelled()
        known = torch.zeros(0, dtype=torch.bool) if data.y is None else data.y != UNKNOWN
        if not known.any() or known.all():
            raise DataError(
                f"SemiSupervisedBatches: {int(known.sum())} of {len(data)} data are labelled; it "
                "needs labelled and unlabelled ones (y = -1), as `few_labels` gives; otherwise "
                "train on the data themselves"
            )
        # There may be fewer labelled data than a batch should hold.
        size = min(num_labelled, int(known.sum()))
        self._labelled = Batches(
            data[known], size, seed=mix_seed(seed, 1), device=device, drop_last=True
        )
        self._others = Batches(
            data[~known], batch_size - size, seed=seed, device=device, drop_last=drop_last
        )
        self.drop_last = drop_last
        self.may_read_ahead = True
        self.device, self.batch_size = self._others.device, batch_size
        self.num_data = len(data)

    def __len__(self) -> int:
        return len(self._others)

    @property
    def smallest(self) -> int:
        """Rows of the smallest batch of an epoch."""
        return self._labelled.smallest + self._others.smallest

    def batch(self, epoch: int, index: int) -> tuple[Tensor, ...]:
        """Batch `index` of an epoch: (x, y), the labelled data first."""
        round_, place = divmod(epoch * len(self) + index, len(self._labelled))
        pairs = zip(
            self._labelled.batch(round_, place), self._others.batch(epoch, index), strict=True
        )
        return tuple(torch.cat(pair) for pair in pairs)

    def checksum(self) -> int:
        """See `Minibatches.checksum`."""
        return (self._labelled.checksum() or 0) ^ (self._others.checksum() or 0)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch.

        Raises:
            DataError: `start` lies outside the epoch.
        """
        if not 0 <= start <= len(self):
            raise DataError(
                f"SemiSupervisedBatches: start={start} lies outside an epoch of {len(self)} "
                "batches"
            )
        return (self.batch(epoch, index) for index in range(start, len(self)))

"""Minibatches of texts of like length, without needless padding."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ...distributions.sequence_codes import PADDING
from ...errors import ConfigError, DataError
from ..base import Dataset, Split, mix_seed, pick_device
from ..minibatches import Minibatches
from ..rows import Rows, TensorRows


class LikeLengths(Minibatches):
    """Batches of texts of like length, cut to a common width: see `like_lengths`.

    Args:
        data: Rows of codes x [N, T], padded at their ends; a split may hold y besides.
        batch_size: Rows per batch, B >= 1.
        num_widths: Number of different widths, at most.
        seed: Seed of the order.
        device: None is CUDA if present, else the CPU.
        drop_last: Leave out the one batch of an epoch that has fewer rows.

    Attributes:
        widths: The widths of batches, the last is T.

    Raises:
        ConfigError: A size is below 1.
        DataError: There are no data, or they are no rows of whole numbers.
    """

    def __init__(
        self,
        data: Dataset | Split | Tensor,
        batch_size: int,
        *,
        num_widths: int = 4,
        seed: int = 0,
        device: torch.device | str | None = None,
        drop_last: bool = False,
    ) -> None:
        if batch_size < 1 or num_widths < 1:
            raise ConfigError(
                f"like_lengths: batch_size={batch_size} and num_widths={num_widths}; each needs a "
                "whole number above 0"
            )
        tensors = _tensors(data)
        x = tensors[0]
        if x.dim() != 2 or x.is_floating_point() or not x.numel():
            raise DataError(
                f"like_lengths: got x of shape {list(x.shape)} and type {x.dtype}, needs rows of "
                "codes [N, T], such as data.text makes"
            )
        if drop_last and len(x) < batch_size:
            raise DataError(
                f"like_lengths: {len(x)} rows make no whole batch of {batch_size}, and drop_last "
                "leaves the rest out; lower batch_size, or keep the last batch"
            )
        self.batch_size, self.seed, self.drop_last = batch_size, seed, drop_last
        self.device, self.num_data = pick_device(device), len(x)
        self.names = ("x", "y")[: len(tensors)]
        self.may_read_ahead = True
        lengths = (x != PADDING).sum(1).cpu()
        self.widths = _widths(lengths, x.shape[1], num_widths)
        bounds = torch.tensor(self.widths)
        self._group = torch.bucketize(lengths, bounds)  # of each row, the narrowest that holds it
        self._rows = TensorRows(tensors, self.names).to(self.device)
        self._plans: tuple[int, list[tuple[int, Tensor]]] | None = None

    def __len__(self) -> int:
        return (math.floor if self.drop_last else math.ceil)(self.num_data / self.batch_size)

    @property
    def smallest(self) -> int:
        """Rows of the smallest batch of an epoch."""
        return self.batch_size if self.drop_last else self.num_data % self.batch_size or (
            min(self.batch_size, self.num_data))  # fmt: skip

    @property
    def rows(self) -> Rows:
        """See `Minibatches.rows`."""
        return self._rows

    def row_numbers(self, epoch: int, index: int) -> Tensor:
        """See `Minibatches.row_numbers`."""
        return self._plan(epoch)[index][1]

    def checksum(self) -> int | None:
        """See `Minibatches.checksum`."""
        return self._rows.checksum()

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch.

        Raises:
            DataError: `start` lies outside the epoch.
        """
        if not 0 <= start <= len(self):
            raise DataError(
                f"like_lengths: start={start} lies outside an epoch of {len(self)} batches"
            )
        for width, numbers in self._plan(epoch)[start:]:
            x, *others = self._rows.take(numbers.to(self.device))
            yield (x[:, :width].contiguous(), *others)

    def _plan(self, epoch: int) -> list[tuple[int, Tensor]]:
        """The width and the rows of each batch."""
        if self._plans is None or self._plans[0] != epoch:
            self._plans = epoch, self._planned(epoch)
        return self._plans[1]

    def _planned(self, epoch: int) -> list[tuple[int, Tensor]]:
        drawn = torch.Generator().manual_seed(mix_seed(self.seed, epoch))
        order = torch.randperm(self.num_data, generator=drawn)
        made, rest = [], order[:0]
        for group, width in enumerate(self.widths):
            # What fills no batch of its width joins the next wider one.
            numbers = torch.cat([rest, order[self._group[order] == group]])
            whole = len(numbers) // self.batch_size * self.batch_size
            made += [(width, part) for part in numbers[:whole].split(self.batch_size) if whole]
            rest = numbers[whole:]
        places = torch.randperm(len(made), generator=drawn).tolist()
        if made:  # the first batch of all is as wide as the data, which a run is known by
            first = max(places, key=lambda place: made[place][0])
            places = [first, *(p for p in places if p != first)] if epoch == 0 else places
        plan = [made[place] for place in places]
        return plan if self.drop_last or not len(rest) else [*plan, (self.widths[-1], rest)]


def like_lengths(
    data: Dataset | Split | Tensor,
    batch_size: int,
    *,
    num_widths: int = 4,
    seed: int = 0,
    device: torch.device | str | None = None,
    drop_last: bool = False,
) -> LikeLengths:
    """Minibatches of texts of like length, each cut to a common width.

    A step then costs what its texts need, not what the longest of all needs. There are few widths
    (quantiles of the lengths), so that a captured step is captured few times. Each row comes once
    in an epoch, and a batch is a function of (seed, epoch, index) alone, as those of
    `data.Batches`. Give the result to `fit` in the place of the data.

    It misleads where length and content go together: texts of a batch are more alike than those
    of the data, so gradients differ more from batch to batch.

    Args:
        data: A data set, of which `train` is taken, a split, or rows of codes x [N, T].
        batch_size: Rows per batch, B.
        num_widths: Number of different widths, at most.
        seed: Seed of the order.
        device: None is CUDA if present, else the CPU.
        drop_last: Leave out the one batch of an epoch that has fewer rows.

    Raises:
        ConfigError: A size is below 1.
        DataError: There are no data, or they are no rows of whole numbers.

    Example:
        >>> x = torch.tensor([[5, 1, 0, 0], [5, 5, 5, 1], [6, 1, 0, 0], [6, 6, 6, 1]])
        >>> source = like_lengths(x, 2, num_widths=2, device="cpu")
        >>> [list(x.shape) for (x,) in source.epoch(0)]
        [[2, 4], [2, 2]]
    """
    return LikeLengths(
        data, batch_size, num_widths=num_widths, seed=seed, device=device, drop_last=drop_last
    )


def _tensors(data: Dataset | Split | Tensor) -> tuple[Tensor, ...]:
    if isinstance(data, Dataset):
        data = data.train
    if isinstance(data, Split):
        return (data.x, data.y) if data.with_labels else (data.x,)
    if not isinstance(data, Tensor):
        raise DataError(
            f"like_lengths: got {type(data).__name__}, needs a Dataset, a Split or a tensor of "
            "codes [N, T]"
        )
    return (data,)


def _widths(lengths: Tensor, longest: int, count: int) -> list[int]:
    """Quantiles of the lengths; the last is the width of the data."""
    ranked = lengths.sort().values  # torch.quantile takes 16 million numbers at most
    found = [ranked[(len(ranked) - 1) * i // count] for i in range(1, count)]
    return sorted({*(max(1, int(w)) for w in found), longest})

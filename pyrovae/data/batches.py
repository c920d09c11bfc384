"""Seeded minibatches of data on the device."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from .base import Split, mix_seed, pick_device
from .minibatches import Minibatches
from .prefetch import prefetched
from .rows import Rows, SparseSplit, TensorRows

_ORDER, _NOISE = 0, 1  # two streams of one seed: order and binary draws are independent


class Batches(Minibatches):
    """Minibatches of rows; a batch is a function of (seed, epoch, index) alone.

    It depends neither on earlier batches nor on torch's global random state, so a resumed run
    sees the same batches. The order is the same on every device. The binary draws of a dynamic
    split come from the device's generator and differ between devices.

    Args:
        data: A split, a tensor [N, ...], several with equal N, or rows of any kind. What is in
            memory is moved to `device`; the rest is read batch by batch, one batch ahead.
        batch_size: Rows per batch, B >= 1.
        shuffle: Use a new order every epoch. Without, batches are views of the data.
        seed: Seed of the order and of the binary draws.
        device: None is CUDA if present, else the CPU.
        drop_last: Leave out a last batch of fewer than `batch_size` rows.

    Raises:
        ConfigError: `batch_size` is below 1.
        DataError: No data, unequal N, or less than one batch with `drop_last`.

    Example:
        >>> batches = Batches(torch.arange(5.0), 2, seed=1, device="cpu")
        >>> len(batches), [len(x) for (x,) in batches.epoch(0)]
        (3, [2, 2, 1])
    """

    def __init__(
        self,
        data: Rows | Split | Tensor | tuple[Tensor, ...],
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        device: torch.device | str | None = None,
        drop_last: bool = False,
    ) -> None:
        rows = _rows(data)
        sizes = _sizes(rows)
        if batch_size < 1:
            raise ConfigError(f"Batches: batch_size={batch_size}, needs 1 or more")
        if len(set(sizes)) != 1 or sizes[0] == 0:
            raise DataError(
                f"Batches: tensors with {sizes} rows, needs one number above 0 for all; "
                "give every tensor one row per datum, and test an optional split with len() first"
            )
        if drop_last and sizes[0] < batch_size:
            raise DataError(
                f"Batches: {sizes[0]} rows make no whole batch of {batch_size}, and drop_last "
                "leaves the rest out; lower batch_size, or keep the last batch"
            )
        self.device = pick_device(device)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.num_data = sizes[0]
        self._length = (math.floor if drop_last else math.ceil)(sizes[0] / batch_size)
        self._rows = rows.to(self.device)
        self.may_read_ahead = rows.is_fixed
        self.names, self.column_names = rows.names, rows.column_names
        self._dynamic = isinstance(data, Split) and data.dynamic
        self._noise = torch.Generator(self.device)
        self._order: tuple[int, Tensor] | None = None  # epoch and order of the last call

    def __len__(self) -> int:
        return self._length

    @property
    def smallest(self) -> int:
        """Rows of the last batch of an epoch, which may be smaller than the others."""
        return min(self.batch_size, self.num_data - (len(self) - 1) * self.batch_size)

    def batch(self, epoch: int, index: int) -> tuple[Tensor, ...]:
        """Batch `index` of an epoch: tensors [B, ...] on the device.

        Raises:
            DataError: The epoch has no such batch.
        """
        if not 0 <= index < len(self):
            raise DataError(f"Batches: batch {index} is asked for, an epoch has {len(self)}")
        return self._made(epoch, index, self._taken(epoch, index))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch.

        Raises:
            DataError: `start` lies outside the epoch.
        """
        if not 0 <= start <= len(self):
            raise DataError(f"Batches: start={start} lies outside an epoch of {len(self)} batches")
        places = range(start, len(self))
        taken: Iterator[tuple[Tensor, ...]] = (self._taken(epoch, index) for index in places)
        if self._rows.reads_ahead:
            taken = prefetched(taken)  # the device and random numbers are left to this thread
        return (self._made(epoch, index, some) for index, some in zip(places, taken, strict=False))

    def _taken(self, epoch: int, index: int) -> tuple[Tensor, ...]:
        """The rows of a batch, where the data lie."""
        start = index * self.batch_size
        if self.shuffle:
            return self._rows.take(self._permutation(epoch)[start : start + self.batch_size])
        return self._rows.take(slice(start, min(start + self.batch_size, self.num_data)))

    def _made(self, epoch: int, index: int, taken: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The batch of these rows, on the device."""
        x, *others = (tensor.to(self.device) for tensor in taken)
        if self._dynamic:
            self._noise.manual_seed(mix_seed(self.seed, _NOISE, epoch, index))
            x = torch.bernoulli(x, generator=self._noise)
        return (x, *others)

    @property
    def draws(self) -> bool:
        """Whether each pass draws binary values."""
        return self._dynamic

    def over(self, rows: Rows) -> "Batches":
        """The same batches of other rows, which are not drawn."""
        return Batches(
            rows,
            self.batch_size,
            shuffle=self.shuffle,
            seed=self.seed,
            device=self.device,
            drop_last=self.drop_last,
        )

    @property
    def rows(self) -> Rows:
        """See `Minibatches.rows`."""
        return self._rows

    def row_numbers(self, epoch: int, index: int) -> Tensor:
        """See `Minibatches.row_numbers`."""
        start = index * self.batch_size
        if self.shuffle:
            return self._permutation(epoch)[start : start + self.batch_size]
        return torch.arange(start, min(start + self.batch_size, self.num_data))

    def checksum(self) -> int | None:
        """See `Minibatches.checksum`."""
        return self._rows.checksum()

    def _permutation(self, epoch: int) -> Tensor:  # [N]
        known = self._order
        if known is None or known[0] != epoch:
            generator = torch.Generator().manual_seed(mix_seed(self.seed, _ORDER, epoch))
            order = torch.randperm(self.num_data, generator=generator)
            known = self._order = epoch, order.to(self._rows.device)
        return known[1]


def _rows(data: Rows | Split | Tensor | tuple[Tensor, ...]) -> Rows:
    if isinstance(data, Rows):
        return data
    if isinstance(data, SparseSplit):
        return data.as_rows()
    if isinstance(data, Split):
        if data.with_labels and data.y is not None:
            return TensorRows((data.x, data.y), ("x", "y"))
        return TensorRows((data.x,), ("x",))
    return TensorRows([data] if isinstance(data, Tensor) else data)


def _sizes(rows: Rows) -> list[int]:
    return [len(t) for t in rows.tensors] if isinstance(rows, TensorRows) else [len(rows)]

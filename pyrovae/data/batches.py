"""Seeded minibatches of data on the device."""

import math
import zlib
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from .base import Split, mix_seed, pick_device
from .conversion import check_dense

_ORDER, _NOISE = 0, 1  # two streams of one seed: order and binary draws are independent


class BatchSource(Protocol):
    """What training needs of data: their number, and the batches of an epoch from any index."""

    @property
    def num_data(self) -> int:
        """Number of data in one pass."""

    @property
    def smallest(self) -> int | None:
        """Rows of the smallest batch of an epoch; None if unknown."""

    def __len__(self) -> int:
        """Batches per epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch, each a tuple of tensors [B, ...]."""


class Batches:
    """Minibatches of tensors; a batch is a function of (seed, epoch, index) alone.

    It depends neither on earlier batches nor on torch's global random state, so a resumed run
    sees the same batches. The order is the same on every device. The binary draws of a dynamic
    split come from the device's generator and differ between devices.

    Args:
        data: A split, a tensor [N, ...] or several with equal N. All is moved to `device`.
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
        data: Split | Tensor | tuple[Tensor, ...],
        batch_size: int,
        *,
        shuffle: bool = True,
        seed: int = 0,
        device: torch.device | str | None = None,
        drop_last: bool = False,
    ) -> None:
        tensors = _tensors(data)
        sizes = [len(tensor) for tensor in tensors]
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
        self._tensors = tuple(tensor.to(self.device) for tensor in tensors)
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
        rows: slice | Tensor = slice(index * self.batch_size, (index + 1) * self.batch_size)
        if self.shuffle:
            rows = self._permutation(epoch)[rows]
        x, *others = (tensor[rows] for tensor in self._tensors)
        if self._dynamic:
            self._noise.manual_seed(mix_seed(self.seed, _NOISE, epoch, index))
            x = torch.bernoulli(x, generator=self._noise)
        return (x, *others)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch.

        Raises:
            DataError: `start` lies outside the epoch.
        """
        if not 0 <= start <= len(self):
            raise DataError(f"Batches: start={start} lies outside an epoch of {len(self)} batches")
        return (self.batch(epoch, index) for index in range(start, len(self)))

    def checksum(self) -> int:
        """Checksum of about a thousand rows, to recognise the same data."""
        found = 0
        for tensor in self._tensors:
            some = tensor[:: max(1, len(tensor) // 1000)].cpu().contiguous()
            found = zlib.crc32(some.flatten().view(torch.uint8).numpy().data, found)
        return found

    def _permutation(self, epoch: int) -> Tensor:  # [N]
        if self._order is None or self._order[0] != epoch:
            generator = torch.Generator().manual_seed(mix_seed(self.seed, _ORDER, epoch))
            order = torch.randperm(self.num_data, generator=generator)
            self._order = epoch, order.to(self.device)
        return self._order[1]


def _tensors(data: Split | Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    if isinstance(data, Split):
        return (data.x, data.y) if data.with_labels and data.y is not None else (data.x,)
    tensors = (data,) if isinstance(data, Tensor) else data
    if not tensors or not all(isinstance(t, Tensor) and t.ndim > 0 for t in tensors):
        raise DataError(
            "Batches: got something other than tensors with one row per datum; "
            "pyrovae.data.arrays takes numpy arrays, lists and files"
        )
    for tensor in tensors:
        check_dense("Batches: a tensor", tensor)
    return tensors

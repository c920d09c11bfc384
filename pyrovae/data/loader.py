"""Minibatches of a torch DataLoader, for data that do not fit in memory."""

from collections.abc import Iterator, Sized
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import (
    DataLoader,
    DistributedSampler,
    RandomSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    default_collate,
)

from ..errors import DataError
from .base import mix_seed, pick_device

_DRAWING = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


class LoaderBatches:
    """The batches of a `DataLoader`, with the interface of `Batches`.

    All that the loader yields is passed on, labels included. A pair that takes `x` alone needs a
    dataset or a `collate_fn` that gives `x` alone. Batches before `start` are loaded and dropped.

    The generator of a shuffling loader is seeded from (`seed`, epoch); if it has none, it gets
    one. So the order depends on seed and epoch alone, with any number of workers. A
    `DistributedSampler` is told the epoch. Random draws of a dataset in its workers follow torch's
    `base_seed`.

    Args:
        loader: Yields tensors [B, ...], or tuples or lists of them.
        seed: Seed of the loader's generator.
        device: Device of the batches; None is CUDA if present, else the CPU.

    Raises:
        DataError: The loader's data have no length, or do not make a batch.

    Example:
        >>> from torch.utils.data import TensorDataset
        >>> loader = DataLoader(TensorDataset(torch.arange(5.0)), batch_size=2)
        >>> [x.tolist() for (x,) in LoaderBatches(loader, device="cpu").epoch(0, start=1)]
        [[2.0, 3.0], [4.0]]
    """

    def __init__(
        self,
        loader: DataLoader[Any],
        *,
        seed: int = 0,
        device: torch.device | str | None = None,
    ) -> None:
        self.loader = loader
        self.seed = seed
        self.device = pick_device(device)
        self.num_data = _num_data(loader)
        if len(loader) == 0:
            raise DataError(
                f"LoaderBatches: {self.num_data} data make no batch; give at least one, and "
                "at least a whole batch with drop_last"
            )

    def __len__(self) -> int:
        return len(self.loader)

    @property
    def drop_last(self) -> bool:
        """Whether the loader leaves out a last batch that is not whole."""
        return self.loader.drop_last

    @property
    def smallest(self) -> int | None:
        """Rows of the smallest batch of an epoch; None if the loader makes its own batches."""
        size, sampler = self.loader.batch_size, self.loader.sampler
        if size is None or not isinstance(sampler, Sized):
            return None
        if self.loader.collate_fn is not default_collate:
            return None
        return min(size, len(sampler) - (len(self) - 1) * size)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch, on the device.

        Raises:
            DataError: `start` lies outside the epoch, or an item is not made of tensors.
        """
        if not 0 <= start <= len(self):
            raise DataError(
                f"LoaderBatches: start={start} lies outside an epoch of {len(self)} batches"
            )
        self._seed_order(epoch)
        if isinstance(self.loader.sampler, DistributedSampler):
            self.loader.sampler.set_epoch(epoch)
        return (self._on_device(item) for item in islice(self._started(epoch), start, None))

    def _seed_order(self, epoch: int) -> None:
        samplers = self.loader.sampler, getattr(self.loader.batch_sampler, "sampler", None)
        for sampler in samplers:
            if isinstance(sampler, _DRAWING) and sampler.generator is None:
                sampler.generator = torch.Generator()
        for owner in (self.loader, *samplers):
            generator = getattr(owner, "generator", None)
            if isinstance(generator, torch.Generator):
                generator.manual_seed(mix_seed(self.seed, epoch))

    def _started(self, epoch: int) -> Iterator[Any]:
        """The loader's iterator, with another generator for the seed of the workers.

        The loader would draw that seed from the generator of the order, but only if it has
        workers; then the order would depend on their number.
        """
        own = self.loader.generator
        if own is None:
            return iter(self.loader)
        try:
            self.loader.generator = torch.Generator().manual_seed(mix_seed(self.seed, epoch, 1))
            return iter(self.loader)
        finally:
            self.loader.generator = own

    def _on_device(self, item: object) -> tuple[Tensor, ...]:
        tensors = (item,) if isinstance(item, Tensor) else item
        if not isinstance(tensors, tuple | list) or not tensors:
            raise DataError(_bad_item(item))
        moved = []
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise DataError(_bad_item(item))
            moved.append(tensor.to(self.device, non_blocking=True))
        return tuple(moved)


def _num_data(loader: DataLoader[Any]) -> int:
    # The sampler counts, as it may pick fewer data than the dataset holds. But a distributed
    # sampler counts one rank's share only, and that of an iterable dataset does not count.
    counted: object = loader.sampler
    if isinstance(counted, DistributedSampler) or not isinstance(counted, Sized):
        counted = loader.dataset
    if not isinstance(counted, Sized):
        raise DataError(
            f"LoaderBatches: {type(loader.dataset).__name__} has no length, and training needs "
            "the number of data and of batches; give the dataset a __len__"
        )
    return len(counted)


def _bad_item(item: object) -> str:
    got = type(item).__name__
    if isinstance(item, tuple | list):
        got += f" of {[type(part).__name__ for part in item]}"
    return (
        f"LoaderBatches: the loader yields {got}, needs a tensor or a tuple of tensors; "
        "set its collate_fn to return these"
    )

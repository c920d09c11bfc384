"""Minibatches of a torch DataLoader, for data that do not fit in memory."""

import math
from collections.abc import Iterator, Sized
from itertools import count, islice
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    default_collate,
)

from ..errors import ConfigError, DataError
from ..runtime.own_draws import own_draws
from ..runtime.progress import progress_bar
from ..runtime.random_state import kept_random_state
from .base import mix_seed, pick_device
from .batch_items import as_batch, names_of
from .columns import Columns
from .minibatches import Minibatches

_WORKERS, _DRAWS = 1, 2  # streams of random numbers beside the order of an epoch
_DRAWING = (RandomSampler, SubsetRandomSampler, WeightedRandomSampler)


@runtime_checkable
class _TakesEpoch(Protocol):
    """A dataset that draws another order in each epoch, by the convention of torch's samplers."""

    def set_epoch(self, epoch: int) -> None: ...


class LoaderBatches(Minibatches):
    """The batches of a `DataLoader`, with the interface of `Batches`.

    All that the loader yields is passed on, labels included, or what `columns` names. Of a dict
    the values are passed on, in its order. Batches before `start` are loaded and dropped.

    Data without a length (a stream) are counted by one pass before the first epoch. A stream that
    is long, or has no end, needs `num_data`: an epoch is as many batches as hold so many data.

    The generator of a shuffling loader is seeded from (`seed`, epoch); if it has none, it gets
    one. So the order depends on seed and epoch alone, with any number of workers. A
    `DistributedSampler`, and a dataset with a method `set_epoch`, is told the epoch.

    What a dataset or a sampler draws at random from torch, numpy or Python depends on (`seed`,
    epoch, batch) alone and leaves the draws of the process as they are. With workers it depends
    on their number too, and those that persist go on drawing from epoch to epoch.

    Args:
        loader: Yields tensors or arrays [B, ...], or tuples, lists or dicts of them.
        seed: Seed of the loader's generator.
        device: Device of the batches; None is CUDA if present, else the CPU.
        columns: Which tensors of a batch are kept, by place or, of a dict, by name; None is all.
        num_data: Number of data of a stream; None counts them.

    Raises:
        DataError: The data do not make a batch.
        ConfigError: `num_data` is not their number, or no number of batches follows from it.

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
        columns: Columns | None = None,
        num_data: int | None = None,
    ) -> None:
        self.loader = loader
        self.seed = seed
        self.device = pick_device(device)
        own = loader.batch_sampler
        self.drop_last = own.drop_last if isinstance(own, BatchSampler) else loader.drop_last
        # Another loader may write into the same tensor each time.
        self.may_read_ahead = loader.batch_size is not None and (
            loader.collate_fn is default_collate
        )
        self._what, self._columns = _name(loader), columns
        self._smallest: int | None = None
        known, length = _num_data(loader), _length(loader)
        if known is not None and num_data not in (None, known):
            raise ConfigError(
                f"{self._what} holds {known} data, and num_data={num_data}; leave it out"
            )
        if known is None and num_data is not None:
            known, length = num_data, _length_of(self._what, loader, num_data)
        if known is None or length is None:
            known, length = self._counted()
        self.num_data, self._length = known, length
        if length == 0:
            raise DataError(
                f"LoaderBatches: {known} data make no batch; give at least one, and "
                "at least a whole batch with drop_last"
            )

    def __len__(self) -> int:
        return self._length

    @property
    def smallest(self) -> int | None:
        """Rows of the smallest batch of an epoch; None if the loader makes its own batches."""
        size, sampler = self.loader.batch_size, self.loader.sampler
        if size is None or not isinstance(sampler, Sized):
            return self._smallest
        if self.loader.collate_fn is not default_collate:
            return None
        return min(size, len(sampler) - (len(self) - 1) * size)

    def row_numbers(self, epoch: int, index: int) -> Tensor | None:
        """See `Minibatches.row_numbers`."""
        size = self.loader.batch_size
        if size is None or not isinstance(self.loader.sampler, SequentialSampler):
            return None
        return torch.arange(index * size, min((index + 1) * size, self.num_data))

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch, on the device.

        Raises:
            DataError: `start` lies outside the epoch, an item is not made of tensors, or a stream
                ends early.
            ConfigError: A column is not there.
        """
        if not 0 <= start <= len(self):
            raise DataError(
                f"LoaderBatches: start={start} lies outside an epoch of {len(self)} batches"
            )
        return self._on_device(self._begun(epoch), start)

    def _begun(self, epoch: int) -> Iterator[Any]:
        self._seed_order(epoch)
        for each in (self.loader.sampler, self.loader.dataset):
            if isinstance(each, _TakesEpoch):
                each.set_epoch(epoch)
        return self._loaded(epoch)

    def _counted(self) -> tuple[int, int]:
        """Data and batches of the first epoch, found by a pass over it."""
        sizes = []
        with kept_random_state():
            # Shown after two seconds; an endless stream would be counted for ever.
            title = f"counting {self._what}, or pass num_data="
            with progress_bar(None, "batches", label=title) as bar:
                for item in self._begun(0):
                    sizes.append(len(as_batch(self._what, item, self._columns)[0]))
                    bar.update()
        self._smallest = min(sizes, default=None)
        return sum(sizes), len(sizes)

    def _seed_order(self, epoch: int) -> None:
        samplers = self.loader.sampler, getattr(self.loader.batch_sampler, "sampler", None)
        for sampler in samplers:
            if isinstance(sampler, _DRAWING) and sampler.generator is None:
                sampler.generator = torch.Generator()
        for owner in (self.loader, *samplers):
            generator = getattr(owner, "generator", None)
            if isinstance(generator, torch.Generator):
                generator.manual_seed(mix_seed(self.seed, epoch))

    def _loaded(self, epoch: int) -> Iterator[Any]:
        """What the loader yields, each with random draws of its own.

        It starts here, with the draws of the first batch: a sampler draws its order at the start
        or before the first batch, with workers or without.
        """
        with own_draws(mix_seed(self.seed, epoch, _DRAWS, 0)):
            items = self._started(epoch)
        return self._drawn_apart(items, epoch)

    def _drawn_apart(self, items: Iterator[Any], epoch: int) -> Iterator[Any]:
        end = object()
        for index in count():
            with own_draws(mix_seed(self.seed, epoch, _DRAWS, index)):
                item = next(items, end)
            if item is end:
                return
            yield item

    def _started(self, epoch: int) -> Iterator[Any]:
        """The loader's iterator, with another generator for the seed of the workers.

        The loader would draw that seed from the generator of the order, but only if it has
        workers; then the order would depend on their number.
        """
        own = self.loader.generator
        try:
            seed = mix_seed(self.seed, epoch, _WORKERS)
            self.loader.generator = torch.Generator().manual_seed(seed)
            return iter(self.loader)
        finally:
            self.loader.generator = own

    def _on_device(self, items: Iterator[Any], start: int) -> Iterator[tuple[Tensor, ...]]:
        done = 0
        for done, item in enumerate(islice(items, self._length), 1):  # noqa: B007
            if done > start:
                batch = as_batch(self._what, item, self._columns)
                self.names = self.names or names_of(item, self._columns)
                yield tuple(tensor.to(self.device, non_blocking=True) for tensor in batch)
        if done < self._length:
            raise DataError(
                f"{self._what} ended after {done} of {self._length} batches ({self.num_data} "
                "data); give as many in every epoch, or a smaller num_data"
            )


def _name(loader: DataLoader[Any]) -> str:
    return f"the loader of {type(loader.dataset).__name__}"


def _num_data(loader: DataLoader[Any]) -> int | None:
    # The sampler counts, as it may pick fewer data than the dataset holds. But a distributed
    # sampler counts one rank's share only, and that of an iterable dataset does not count.
    counted: object = loader.sampler
    if loader.batch_size is None and isinstance(loader.batch_sampler, BatchSampler):
        counted = loader.batch_sampler.sampler
    if isinstance(counted, DistributedSampler) or not isinstance(counted, Sized):
        counted = loader.dataset
    return len(counted) if isinstance(counted, Sized) else None


def _length(loader: DataLoader[Any]) -> int | None:
    try:
        return len(loader)
    except TypeError:  # of a dataset or a sampler without a length
        return None


def _length_of(what: str, loader: DataLoader[Any], num_data: int) -> int:
    size = loader.batch_size
    if num_data < 1:
        raise ConfigError(f"{what}: num_data={num_data}, needs 1 or more")
    if size is None:
        raise ConfigError(
            f"{what} makes its own batches, whose number does not follow from num_data; give it a "
            "__len__, or leave num_data out, which counts them"
        )
    return (math.floor if loader.drop_last else math.ceil)(num_data / size)

"""A user's own source of batches, checked."""

import inspect
from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor

from ..errors import ConfigError, DataError
from .base import pick_device
from .batch_items import as_batch, names_of, same_rows
from .columns import Columns
from .minibatches import BatchSource, Minibatches


class OwnBatches(Minibatches):
    """The batches of a user's own source, on the device.

    Args:
        source: See `BatchSource`. Where its `epoch` takes no `start`, the batches before it are
            computed and dropped.
        device: Device of the batches; None is CUDA if present, else the CPU.
        columns: Which tensors of a batch are kept; None is all.

    Raises:
        ConfigError: The source says no number of data or of batches.
    """

    def __init__(
        self,
        source: BatchSource,
        *,
        device: torch.device | str | None = None,
        columns: Columns | None = None,
    ) -> None:
        self._source, self._columns = source, columns
        self._what = type(source).__name__
        self.device = pick_device(device)
        for name, count in (("num_data", source.num_data), ("len()", len(source))):
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise ConfigError(
                    f"{self._what}: {name} is {count!r}, needs a whole number above 0"
                )
        self.num_data = source.num_data
        if not callable(source.epoch):
            raise ConfigError(f"{self._what}: epoch is no method; needs epoch(epoch, start=0)")
        takes = inspect.signature(source.epoch).parameters
        self._starts = "start" in takes or len(takes) > 1

    def __len__(self) -> int:
        return len(self._source)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch, on the device.

        Raises:
            DataError: `start` lies outside the epoch, a batch is not made of tensors with equal
                numbers of rows, or there are more or fewer batches than the source says.
        """
        if not 0 <= start <= len(self):
            raise DataError(
                f"{self._what}: start={start} lies outside an epoch of {len(self)} batches"
            )
        return self._checked(epoch, start)

    def _checked(self, epoch: int, start: int) -> Iterator[tuple[Tensor, ...]]:
        if self._starts:
            stream = iter(self._source.epoch(epoch, start))
        else:
            stream = islice(self._source.epoch(epoch), start, None)
        count = start
        for item in stream:
            count += 1
            if count > len(self):
                raise DataError(
                    f"{self._what} says len() = {len(self)}, and epoch {epoch} from batch {start} "
                    "goes on beyond it; begin with the batch `start`, and end after len() batches"
                )
            batch = as_batch(self._what, item, self._columns)
            self.names = self.names or names_of(item, self._columns)
            yield tuple(t.to(self.device) for t in same_rows(self._what, batch))
        if count < len(self):
            raise DataError(
                f"{self._what} says len() = {len(self)}, and epoch {epoch} ended after {count} "
                "batches; correct __len__, or give all batches in every epoch"
            )

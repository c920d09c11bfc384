"""What training needs of data: a protocol for users, and its fuller form inside the library."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from .rows import Rows


@runtime_checkable
class BatchSource(Protocol):
    """The number of data, and the batches of an epoch from any index.

    `fit` and `data.batches` take any object with these three. It need not be a subclass. The same
    epoch and start give the same batches, where a run is to be resumed.

    Example:
        >>> import torch
        >>> class Noise:
        ...     num_data = 100
        ...
        ...     def __len__(self):
        ...         return 10
        ...
        ...     def epoch(self, epoch, start=0):
        ...         for index in range(start, 10):
        ...             yield torch.full((10, 2), float(index))
        >>> isinstance(Noise(), BatchSource)
        True
    """

    @property
    def num_data(self) -> int:
        """Number of data in one pass."""

    def __len__(self) -> int:
        """Batches per epoch."""

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch, each a tuple of tensors [B, ...]."""


class Minibatches(ABC):
    """A `BatchSource` that says more of its batches where it knows it.

    Attributes:
        num_data: Number of data in one pass.
        names: Of the tensors of a batch, where they have some; of a loader, once one was read.
        column_names: See `Rows`.
        drop_last: Whether a last batch that is not whole is left out.
        may_read_ahead: Batches may be asked for before those before them are used. They keep their
            values then, and draw nothing from the random state of the process.
    """

    num_data: int
    names: tuple[str, ...] = ()
    column_names: tuple[tuple[Any, ...], ...] = ()
    drop_last: bool = False
    may_read_ahead: bool = False

    @property
    def smallest(self) -> int | None:
        """Rows of the smallest batch of an epoch; None if unknown."""
        return None

    @property
    def rows(self) -> Rows | None:
        """What the batches are made of, row by row; None where that cannot be asked for."""
        return None

    def row_numbers(self, epoch: int, index: int) -> Tensor | None:
        """The rows of the data that a batch holds [B], from 0; None if unknown."""
        return None

    @abstractmethod
    def __len__(self) -> int:
        """Batches per epoch."""

    @abstractmethod
    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """Batches `start`, `start` + 1, ... of an epoch, each a tuple of tensors [B, ...]."""

    def checksum(self) -> int | None:
        """Checksum of about a thousand rows, to recognise the same data; None if unknown."""
        return None

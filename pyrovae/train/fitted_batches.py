"""Batches as a pair takes them: as many tensors, in its number types, checked."""

from collections.abc import Iterator, Sequence

from torch import Tensor

from ..data.minibatches import Minibatches
from ..data.rows import Rows
from ..errors import DataError
from ..particles.argument_types import ArgumentTypes, argument_types
from ..particles.arguments import check_count
from ..particles.device import to_device_of
from ..particles.non_finite import WAY_OUT, NonFinite, find_non_finite, makes_non_finite
from ..particles.tracing import Program

_BLOCK = 2**22  # numbers that are looked through at a time
_MOST = 2**28  # numbers that are looked through before the first step


class FittedBatches(Minibatches):
    """The batches of a source in the number types of a pair.

    Numbers that these types cannot hold are an error: of data in memory before the first batch, of
    others, and of very large ones, in the first epoch.

    Args:
        source: All batches.
        types: Of the pair.
        where: What the batches are, for messages.

    Attributes:
        held: The rows of data in memory that are looked through before the first batch.

    Raises:
        DataError: A number would be lost.
    """

    def __init__(self, source: Minibatches, types: ArgumentTypes, where: str) -> None:
        self._source, self.types, self._where = source, types, where
        self.num_data, self.drop_last, self.names = (
            source.num_data, source.drop_last, source.names,
        )  # fmt: skip
        self.may_read_ahead = source.may_read_ahead
        self.held = _looked_through(source.rows)
        self._checks = types.changes and self.held is None
        if types.changes and self.held is not None:
            for start, rows in _blocks(self.held):
                types.check(rows, where, start)

    def __len__(self) -> int:
        return len(self._source)

    @property
    def smallest(self) -> int | None:
        """See `Minibatches.smallest`."""
        return self._source.smallest

    @property
    def rows(self) -> Rows | None:
        """Of the source, in its types: see `Minibatches.rows`."""
        return self._source.rows

    def row_numbers(self, epoch: int, index: int) -> Tensor | None:
        """See `Minibatches.row_numbers`."""
        return self._source.row_numbers(epoch, index)

    def checksum(self) -> int | None:
        """See `Minibatches.checksum`."""
        return self._source.checksum()

    def epoch(self, epoch: int, start: int = 0) -> Iterator[tuple[Tensor, ...]]:
        """See `Minibatches.epoch`.

        Raises:
            DataError: A number would be lost.
        """
        stream = self._source.epoch(epoch, start)  # now, for a loader draws as it starts
        return self._converted(stream, epoch, start) if self.types.changes else stream

    def _converted(
        self, stream: Iterator[tuple[Tensor, ...]], epoch: int, start: int
    ) -> Iterator[tuple[Tensor, ...]]:
        for index, batch in enumerate(stream, start):
            yield self.converted(batch, epoch, index)

    def converted(self, batch: Sequence[Tensor], epoch: int, index: int) -> tuple[Tensor, ...]:
        """A batch of the source in the types of the pair.

        Raises:
            DataError: A number would be lost.
        """
        if self._checks and epoch == 0:
            self.types.check(batch, f"{self._where}, batch {index}")
        return self.types(batch)

    def locate(self, found: NonFinite, epoch: int, index: int) -> NonFinite:
        """Say of a number in a batch which row of the data it is in, where that is known.

        Args:
            found: In the batch.
            epoch: Of the batch, from 0, as for `index`.
            index: Of the batch.
        """
        numbers = self.row_numbers(epoch, index)
        known = None if numbers is None or found.row >= len(numbers) else int(numbers[found.row])
        return found.at(known, f"row {found.row} of the batch")


def fitted(
    source: Minibatches, first: Sequence[Tensor], model: Program, guide: Program, where: str
) -> tuple[FittedBatches, tuple[Tensor, ...]]:
    """The batches of a source as a pair takes them, and the first of them.

    Args:
        source: All batches.
        first: The first of them.
        model: Pyro model.
        guide: Pyro guide.
        where: What they are, for messages.

    Raises:
        DataError: The pair takes more or fewer tensors, or a number would be lost.
        ConfigError: No number of tensors is right for both programs.
    """
    check_count(model, guide, len(first), f"{where}: batches hold")
    types = argument_types(model, guide, to_device_of(model, guide, first))
    made = FittedBatches(source, types, where)
    return made, made.converted(first, 0, 0)


def check_finite(
    source: FittedBatches, first: Sequence[Tensor], model: Program, guide: Program, where: str
) -> None:
    """Refuse data with NaN or infinity that the pair cannot take.

    Data in memory are looked through, of others the first batch.

    Args:
        source: All batches.
        first: The first of them, in the types and on the device of the pair.
        model: Pyro model, called with rows as `first`.
        guide: Pyro guide.
        where: What the data are, for messages.

    Raises:
        DataError: A log-density of the pair is not finite for such rows.
    """
    names, held = source.types.names, source.held
    if held is None:
        bad, rows = find_non_finite(first, names), tuple(first)
        if bad is not None:
            bad = source.locate(bad, 0, 0)
    else:
        bad = _first_non_finite(held, names)
        if bad is None:
            return
        start = max(0, min(bad.row, len(held) - len(first[0])))
        rows = source.types(held[start : start + len(first[0])])
        rows = tuple(t.to(like.device) for t, like in zip(rows, first, strict=True))
    if bad is not None and makes_non_finite(model, guide, rows):
        raise DataError(f"{where}: {bad}; {WAY_OUT}")


def _first_non_finite(held: Rows, names: Sequence[str]) -> NonFinite | None:
    for start, rows in _blocks(held):
        found = find_non_finite(rows, names, start)
        if found is not None:
            return found
    return None


def _looked_through(rows: Rows | None) -> Rows | None:
    """Rows in memory, unless looking through them takes more than about a second."""
    if rows is None or not rows.in_memory or len(rows) * _width(rows) > _MOST:
        return None
    return rows


def _blocks(rows: Rows) -> Iterator[tuple[int, tuple[Tensor, ...]]]:
    """Blocks of rows, with the number of the first of each."""
    size = max(1, _BLOCK // _width(rows))
    for start in range(0, len(rows), size):
        yield start, rows[start : start + size]


def _width(rows: Rows) -> int:
    """Numbers in a row."""
    return max(1, sum(tensor.numel() for tensor in rows[:1]))

"""How many data are coded at once."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Sizes of the batches.

    A batch pops bits before it pushes any. What the data before it have left on the stack should
    do for that, so that few random bits are needed: the first batch has one row, and each further
    one as many as those before it can feed.

    Attributes:
        net: Bits that the first datum left on the stack, rounded.
        popped: Bits that it needed there before.
    """

    net: int
    popped: int

    @staticmethod
    def after(net: float, popped: float) -> "Schedule":
        """From the first datum."""
        return Schedule(max(0, round(net)), max(0, round(popped)))

    def batches(self, count: int, most: int) -> Iterator[slice]:
        """The rows of each batch after the first datum.

        Args:
            count: Of all data.
            most: Rows of the largest batch.
        """
        done = 1
        while done < count:
            fed = done * self.net // max(self.popped, 1)
            size = max(1, done // 64, min(fed, 4 * done))
            end = min(done + min(size, most), count)
            yield slice(done, end)
            done = end

    def key_length(self, rows: int) -> int:
        """How many words a batch of so many rows may pop, with a margin."""
        return rows * self.popped * 3 // 64 + 8

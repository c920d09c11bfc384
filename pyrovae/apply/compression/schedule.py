"""How many data are coded at once."""

from collections.abc import Iterator

import numpy as np

_PARTS = 64  # in which a growth is stored


def growth_of(net: float, popped: float) -> int:
    """How many data the next batch may have for each one before it, in 64ths.

    A batch pops bits before it pushes any. What the data before it have left on the stack should
    do for that, so that few random bits are needed.

    Args:
        net: Bits that a datum leaves.
        popped: Bits that it needs before.
    """
    return int(np.clip(_PARTS * net / max(popped, 1.0), 1, 4 * _PARTS))


def batches(count: int, most: int, growth: list[int]) -> Iterator[slice]:
    """The rows of each batch: one, then more and more, up to `most`.

    Args:
        count: Of all data.
        most: Rows of the largest batch.
        growth: See `growth_of`; read after the first batch.
    """
    done = 0
    while done < count:
        size = max(1, done * growth[0] // _PARTS) if done else 1
        end = min(done + min(size, most), count)
        yield slice(done, end)
        done = end

"""Random bits that lie on the stack before the first datum."""

import numpy as np

from .stack import Array


def seed_words(seed: int, count: int) -> Array:
    """The first so many words of a stream, top of the stack first, uint32, none of them 0.

    They are the raw output of a generator, which is the same in every version of numpy.
    """
    raw = np.random.Philox(seed).random_raw(count)
    return np.maximum(raw >> np.uint64(32), np.uint64(1)).astype(np.uint32)

"""Random words that lie on the stack before the first datum."""

import numpy as np

from .stack import Array


def seed_words(seed: int, count: int) -> Array:
    """The first so many words of a stream, uint32, none of them 0.

    The raw stream of the generator is the same in every version of numpy.
    """
    raw = np.random.Philox(seed).random_raw(count)
    return np.maximum(raw.astype(np.uint64) >> np.uint64(32), 1).astype(np.uint32)

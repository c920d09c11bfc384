"""Random bits that both directions know."""

import numpy as np

from .stack import Array


def seed_words(seed: int, count: int, stream: int = 0) -> Array:
    """The first so many words of a stream, uint32, none of them 0.

    They are the raw output of a generator, which is the same in every version of numpy.
    """
    generator = np.random.Philox(key=np.array([seed, stream], np.uint64))
    raw = generator.random_raw(count) >> np.uint64(32)
    return np.maximum(raw, np.uint64(1)).astype(np.uint32)

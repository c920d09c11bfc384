"""Random bits that both directions know."""

import numpy as np

from pyrovae.apply.compression.seed_bits import seed_words


def test_the_words_never_change():
    """Files hold only those that were used: others have to be made again, in any version."""
    assert seed_words(0, 4).tolist() == seed_words(0, 100)[:4].tolist()
    assert seed_words(3, 3, 2).tolist() == [3302670075, 2534135831, 1725456065]


def test_they_are_random():
    words = seed_words(1, 20_000)
    assert words.dtype == np.uint32 and words.min() > 0
    ones = np.unpackbits(words.view(np.uint8)).mean()
    assert abs(ones - 0.5) < 4 * 0.5 / (32 * 20_000) ** 0.5
    assert (seed_words(1, 100) != seed_words(2, 100)).all()
    assert (seed_words(1, 100) != seed_words(1, 100, 1)).all()

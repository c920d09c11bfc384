"""The stack: last in, first out, and what scrambling does."""

import numpy as np

from pyrovae.apply.compression.seed_bits import seed_words
from pyrovae.apply.compression.stack import Stack
from pyrovae.apply.compression.symbols import Table

SYMBOLS = Table(np.ones((20, 30, 5)))
VALUES = np.random.default_rng(0).integers(0, 5, (20, 30))


def test_pushing_and_popping_gives_the_bits_back():
    words = seed_words(0, 500)
    stack = Stack(words, 500)
    stack.start(20)
    popped = stack.pop(SYMBOLS)
    assert stack.low < 460 and stack.popped > 20 * 30 * 2.3
    stack.push(SYMBOLS, popped)
    assert np.array_equal(stack.words(), words)


def test_scrambling_twice_is_nothing():
    stack = Stack(seed_words(0, 100), 100)
    stack.start(20)
    stack.push(SYMBOLS, VALUES)
    before, key = stack.words(), seed_words(1, 30)
    stack.scramble(key)
    assert (stack.words() != before).sum() == 30
    assert stack.words()[-1] == before[-1]
    stack.scramble(key)
    assert np.array_equal(stack.words(), before)


def test_scrambling_leaves_the_seed():
    stack = Stack(seed_words(0, 100), 100)
    stack.start(20)
    stack.push(SYMBOLS, VALUES)
    before = stack.words()
    stack.scramble(seed_words(1, 1000))
    after = stack.words()
    assert np.array_equal(after[:100], before[:100]) and stack.low == 98
    assert (after[100:-1] != before[100:-1]).all()
    alone = Stack(seed_words(0, 100), 100)
    alone.scramble(seed_words(1, 1000))
    assert np.array_equal(alone.words(), seed_words(0, 100))

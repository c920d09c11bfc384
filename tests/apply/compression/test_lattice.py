"""Points of a lattice, and how they are stored."""

import numpy as np
import pytest
import torch

from pyrovae.apply.compression.lattice import Lattice, exponent_within
from pyrovae.apply.compression.raw import pop_bits, push_bits
from pyrovae.errors import NonFiniteError

from .coding import random_stack


@pytest.mark.parametrize("exponent", [-40, -6, 0, 9])
def test_points_and_their_numbers(exponent):
    lattice = Lattice(exponent, -3)
    index = np.array([[-(2**30), -1, 0, 1, 12345]])
    assert np.array_equal(lattice.index(lattice.values(index).numpy()), index)
    assert Lattice.from_word(lattice.word) == lattice
    assert lattice.base.step == 1 / 8


def test_a_point_too_far_away():
    with pytest.raises(NonFiniteError, match="too large to be coded"):
        Lattice(-20).index(np.array([1e30]))


def test_the_step_is_no_wider():
    for width in (0.3, 1.0, 1.1, 1e-9):
        step = 2.0 ** exponent_within(width)
        assert width / 2 < step <= width
    assert exponent_within(float(torch.inf)) == 0


def test_raw_bits_come_back():
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 62, (30, 4))
    values = rng.integers(0, 2**62, (30, 4)) & ((1 << bits) - 1)
    stack, words = random_stack()
    stack.start(30)
    push_bits(stack, values, bits)
    np.testing.assert_allclose(stack.bits, bits.sum(1), atol=1e-9)
    assert np.array_equal(pop_bits(stack, bits), values)
    assert np.array_equal(stack.words(), words)

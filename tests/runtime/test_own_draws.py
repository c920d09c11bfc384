"""Draws apart from those of the process."""

import random

import numpy as np
import pytest
import torch

from pyrovae.runtime.own_draws import own_draws


def drawn():
    return torch.randn(3).tolist(), np.random.randn(), np.random.rand(), random.gauss(0, 1)


def start():
    torch.manual_seed(0), np.random.seed(0), random.seed(0)


def test_draws_follow_the_seed_alone():
    start()
    with own_draws(5):
        one = drawn()
    drawn()
    with own_draws(5):
        assert drawn() == one
    with own_draws(2**62 + 5):
        assert drawn() != one


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("within", range(3))
def test_the_process_draws_on_as_if_nothing_had_been_drawn(before, within):
    """Numpy and Python keep half of each two normal draws."""

    def sequence(apart):
        start()
        found = []
        for _ in range(3):
            found += [(np.random.randn(), random.gauss(0, 1)) for _ in range(before)]
            if apart:
                with own_draws(9):
                    [drawn() for _ in range(within)]
        return [*found, drawn()]

    assert sequence(True) == sequence(False)


def test_another_generator_of_numpy_and_an_error_change_nothing():
    before = np.random.get_bit_generator()
    try:
        other = np.random.PCG64(3)
        np.random.set_bit_generator(other)
        expected = np.random.RandomState(np.random.PCG64(3)).randn(3).tolist()
        found = [np.random.randn()]
        with pytest.raises(KeyError), own_draws(1):
            drawn()
            raise KeyError
        assert np.random.get_bit_generator() is other
        assert [*found, np.random.randn(), np.random.randn()] == expected
    finally:
        np.random.set_bit_generator(before)

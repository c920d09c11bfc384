"""The probabilities that constriction codes with are those that are counted."""

import numpy as np
import pytest

from pyrovae.apply.compression.stack import Stack
from pyrovae.apply.compression.symbols import Bits, Gaussian, Table, Uniform

RNG = np.random.default_rng(0)
SHAPE = (50, 40)
P = RNG.random(SHAPE)

KINDS = {
    "bits": (Bits(P), (P > RNG.random(SHAPE)).astype(int)),
    "certain bits": (Bits(np.where(P > 0.5, 1.0, 0.0)), (P > 0.5).astype(int)),
    "table": (Table(RNG.random((*SHAPE, 7)) ** 4), RNG.integers(0, 7, SHAPE)),
    "table with zeros": (Table(np.eye(7)[RNG.integers(0, 7, SHAPE)]), RNG.integers(0, 7, SHAPE)),
    "gaussian": (
        Gaussian(P - 0.5, 0.5 + P, 16),
        np.clip(np.rint(RNG.normal(size=SHAPE)), -16, 16).astype(int),
    ),
    "its tails": (Gaussian(P - 0.5, 0.5 + P, 16), RNG.choice([-16, 16, 9], SHAPE)),
    "uniform": (Uniform(2 ** RNG.integers(1, 24, SHAPE), P > 0.3), np.where(P > 0.3, 1, 0)),
}


def _height(stack):
    """Bits on the stack, with the fraction."""
    position, state = stack._coder.pos()
    return 32 * position + np.log2(float(state))


def _random_stack(count=8000):
    return Stack(RNG.integers(1, 2**32, count, dtype=np.uint32), 0)


@pytest.mark.parametrize("name", KINDS)
def test_bits_are_those_by_which_the_stack_grows(name):
    symbols, values = KINDS[name]
    stack = _random_stack()
    stack.start(SHAPE[0])
    before = _height(stack)
    stack.push(symbols, values)
    grown = _height(stack) - before
    assert abs(grown - stack.bits.sum()) < 0.05 + 2e-5 * grown
    popped = stack.pop(symbols)
    assert np.array_equal(popped, values)
    np.testing.assert_allclose(stack.bits, 0, atol=1e-9)
    assert abs(_height(stack) - before) < 1e-6


@pytest.mark.parametrize("name", KINDS)
def test_probabilities_of_all_values_are_one(name):
    symbols, _ = KINDS[name]
    if isinstance(symbols, Uniform):
        return
    everything = {"bits": range(2), "certain bits": range(2)}.get(name, range(7))
    if isinstance(symbols, Gaussian):
        everything = range(-16, 17)
    total = sum(symbols.units(np.full(SHAPE, value)) for value in everything)
    assert (total == 2**24).all()


def test_popping_random_bits_draws():
    symbols = Gaussian(np.full((200, 100), 0.2), np.full((200, 100), 2.0), 16)
    stack = _random_stack(20_000)
    stack.start(200)
    values = stack.pop(symbols)
    assert abs(values.mean() - 0.2) < 4 * 2 / len(values.ravel()) ** 0.5
    assert abs(values.std() - (4 + 1 / 12) ** 0.5) < 0.05

"""How factories of parts are called."""

from functools import partial

import pyro.distributions.transforms as T
import pytest

from pyrovae.nn.factories import accepts, takes_context
from pyrovae.nn.flows import AffineCoupling, Radial, chain


def two_needed(dim, other):
    return dim, other


def three(dim, other, last):
    return dim, other, last


class TwoOptional:
    def __init__(self, dim, context_dim=0, *, width=3):
        self.given = dim, context_dim, width


@pytest.mark.parametrize(
    "factory",
    [
        lambda dim, context: None,
        lambda dim, context_dim=0: None,
        lambda *sizes: None,
        two_needed,
        TwoOptional,
        partial(TwoOptional, width=8),
        AffineCoupling,
        partial(AffineCoupling, hidden=8),
        AffineCoupling.example,
        chain(AffineCoupling, Radial),
        T.conditional_planar,
        partial(T.conditional_affine_coupling, hidden_dims=[8]),
    ],
)
def test_with_a_context(factory):
    assert takes_context(factory)


@pytest.mark.parametrize(
    "factory",
    [
        lambda dim: None,
        lambda dim, hidden=8: None,
        lambda dim, *, context: None,
        lambda: None,
        three,
        partial(two_needed, 3),
        T.planar,
        T.affine_coupling,
        T.Planar,
        T.spline,
    ],
)
def test_without_a_context(factory):
    assert not takes_context(factory)


def test_what_a_function_accepts():
    assert accepts(two_needed, 2)
    assert not accepts(two_needed, 1)
    assert not accepts(TwoOptional, 0)
    assert accepts(dict, 1)  # which states no signature

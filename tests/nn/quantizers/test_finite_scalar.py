"""Finite scalar quantisation against the definition, by hand."""

import math

import pytest
import torch

from pyrovae.nn.quantizers import FiniteScalar


def by_hand(z, levels):
    """One number on its grid, as app. A.1 has it."""
    half = (levels - 1) * (1 - 1e-3) / 2
    offset = 0.0 if levels % 2 else 0.5
    bounded = math.tanh(z + math.tan(offset / half)) * half - offset
    return round(bounded) / (levels // 2)


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 8])
def test_each_dimension_as_defined(levels):
    z = torch.linspace(-4, 4, 401)[:, None]
    found = FiniteScalar([levels])(z)
    torch.testing.assert_close(
        found.vectors[:, 0], torch.tensor([by_hand(float(v), levels) for v in z])
    )
    assert len(found.vectors.unique()) == levels, "every level is reached"
    assert sorted(found.codes.unique().tolist()) == list(range(levels))
    assert -1 <= found.vectors.min() and found.vectors.max() <= 1
    assert FiniteScalar([levels])(torch.zeros(1)).vectors == 0, "zero is a level"


def test_the_implied_codebook():
    quantizer = FiniteScalar([8, 5, 3])
    assert (quantizer.num_codes, quantizer.dim) == (120, 3)
    every = quantizer.embed(torch.arange(120))
    assert len(every.unique(dim=0)) == 120
    assert every[1, 0] > every[0, 0] and every[1, 1] == every[0, 1], "the first runs fastest"
    # A vector of the codebook, put where tanh leaves it, is its own code.
    placed = torch.atanh((every * quantizer.width + quantizer.offset) / quantizer.reach * 0.998)
    assert torch.equal(quantizer.codes(placed - quantizer.shift), torch.arange(120))


def test_the_gradient_passes_the_rounding_and_not_the_bound():
    quantizer = FiniteScalar([5, 4]).double()
    z = torch.randn(6, 2).double().requires_grad_()
    (found,) = torch.autograd.grad(quantizer(z).vectors.sum(), z)
    (expected,) = torch.autograd.grad((quantizer.bound(z) / quantizer.width).sum(), z)
    assert torch.equal(found, expected)
    assert quantizer(z).penalties == {}
    assert list(quantizer.parameters()) == [] and quantizer.state_dict() == {}

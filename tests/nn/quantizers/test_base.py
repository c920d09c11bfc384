"""Nearest codes, straight-through gradients, and how codes are used."""

import math

import pytest
import torch

from pyrovae.errors import ConfigError, ShapeError, SupportError
from pyrovae.nn import quantizers
from pyrovae.nn.quantizers import (
    FiniteScalar,
    LearnedCodebook,
    MovingAverageCodebook,
    Quantizer,
    nearest,
    perplexity,
    straight_through,
    usage,
)
from tests.exported import exported


def test_nearest_is_the_nearest():
    z, codebook = torch.randn(4, 3, 5).double(), torch.randn(7, 5).double()
    distances = (z[..., None, :] - codebook).square().sum(-1)
    assert torch.equal(nearest(z, codebook), distances.argmin(-1))


def test_nearest_is_so_far_from_the_origin():
    codebook = 100 + 0.01 * torch.arange(8.0)[:, None].expand(8, 2)
    assert torch.equal(nearest(codebook + 0.001, codebook), torch.arange(8))


def test_straight_through_is_exact_and_passes_the_gradient_on():
    value, through = 1e-8 * torch.randn(5), (1e8 * torch.randn(5)).requires_grad_()
    out = straight_through(value, through)
    assert torch.equal(out, value), "no rounding, whatever the sizes"
    (gradient,) = torch.autograd.grad((out * torch.arange(5.0)).sum(), through)
    assert torch.equal(gradient, torch.arange(5.0))


def test_perplexity():
    even = torch.full((6,), 3.0)
    assert perplexity(even).item() == pytest.approx(6)
    assert perplexity(torch.tensor([0.0, 2.0])).item() == 1
    p = torch.tensor([0.7, 0.2, 0.1]).double()
    assert perplexity(5 * p).item() == pytest.approx(math.exp(-sum(p * p.log())))
    assert usage(torch.tensor([3, 3, 0, 1]), 5).tolist() == [0.25, 0.25, 0, 0.5, 0]


EXAMPLES = [kind.example() for kind in exported(quantizers, Quantizer).values()]


@pytest.mark.parametrize(
    "quantizer", [*EXAMPLES, FiniteScalar([2, 3, 5])], ids=lambda q: type(q).__name__
)
def test_codes_and_vectors_belong_together(quantizer):
    z = torch.randn(4, 2, quantizer.dim)
    found = quantizer(z)
    assert found.codes.shape == (4, 2)
    assert torch.equal(found.vectors, quantizer.embed(found.codes))
    assert torch.equal(found.codes, quantizer.codes(z))
    assert all(value.shape == (4, 2) for value in found.penalties.values())
    with pytest.raises(ShapeError, match=f"{quantizer.dim} dimensions; let the encoder"):
        quantizer(torch.randn(4, quantizer.dim + 1))
    quantizer.check_codes(found.codes)
    with pytest.raises(SupportError, match="codes in -1..0"):
        quantizer.check_codes(torch.tensor([0, -1]))
    with pytest.raises(SupportError, match=f"has 0..{quantizer.num_codes - 1}"):
        quantizer.check_codes(torch.tensor([quantizer.num_codes]))
    with pytest.raises(SupportError, match="integer tensor"):
        quantizer.check_codes(torch.tensor([1.0]))


@pytest.mark.parametrize(
    "make",
    [
        lambda: LearnedCodebook(1, 3),
        lambda: MovingAverageCodebook(5, 0),
        lambda: MovingAverageCodebook(5, 2, decay=1.0),
        lambda: LearnedCodebook(5, 2, commitment=-1),
        lambda: LearnedCodebook(5, 2, revive_below=1.5),
        lambda: FiniteScalar([]),
        lambda: FiniteScalar([5, 1]),
    ],
)
def test_refuses_what_cannot_be(make):
    with pytest.raises(ConfigError):
        make()

"""Predictability on representations whose score is known."""

import pytest
import torch

from pyrovae.evaluate import sap

from .representations import FACTORS, dead, noise, rotated, themselves, with_dead

PAIR = torch.cartesian_prod(torch.arange(2), torch.arange(2)).repeat(1000, 1)


def test_two_values_are_told_and_the_other_code_is_at_chance():
    found = sap(PAIR.flip(1) * torch.tensor([1e-4, 1e4]), PAIR)
    assert found.matrix.diagonal().tolist() == pytest.approx([0.5, 0.5], abs=0.05)
    assert found.matrix.flip(1).diagonal().tolist() == [1, 1]
    assert found.score == pytest.approx(0.5, abs=0.05)


def test_units_do_not_matter():
    codes = rotated()[::10]
    units = torch.tensor([1e-3, 1, 1e3, -1, 7]).double()
    one, other = (sap(c, FACTORS[::10]).matrix for c in (codes, codes * units + 1))
    torch.testing.assert_close(one, other, atol=0.01, rtol=0)


def test_order_of_scores():
    """Many values are not told apart by one line against all others, as the docstring says."""
    full = sap(themselves(), FACTORS)
    assert 0.35 < full.score < 0.6 and full.best.tolist() == [2, 1, 4, 0, 3]
    assert sap(with_dead(), FACTORS).score == pytest.approx(full.score, abs=0.02)
    assert sap(rotated(), FACTORS).score < 0.1
    assert sap(noise(5), FACTORS).score < 0.02
    assert sap(dead(), FACTORS).score == 0


def test_the_seed_decides():
    codes = rotated()[::10]
    one, two, other = (sap(codes, FACTORS[::10], seed=s).matrix for s in (0, 0, 1))
    assert torch.equal(one, two) and not torch.equal(one, other)

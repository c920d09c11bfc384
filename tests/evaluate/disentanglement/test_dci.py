"""Importances on representations whose score is known, and entropies by hand."""

import math

import numpy as np
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier

from pyrovae.evaluate import dci
from pyrovae.evaluate.disentanglement.dci import _concentration

from .representations import FACTORS, dead, noise, rotated, themselves, with_dead

TREE = DecisionTreeClassifier(random_state=0, min_samples_leaf=5)


def test_concentration_by_hand():
    matrix = np.array([[0.8, 0.2], [0.0, 0.6], [0.0, 0.0]])
    entropy = -(0.8 * math.log(0.8) + 0.2 * math.log(0.2)) / math.log(2)
    assert _concentration(matrix) == pytest.approx((1.0 * (1 - entropy) + 0.6 * 1) / 1.6)
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(3)
    assert _concentration(matrix.T) == pytest.approx((0.8 * 1 + 0.8 * (1 - entropy)) / 1.6)
    assert _concentration(np.zeros((2, 2))) == 0
    assert _concentration(np.ones((2, 2))) == pytest.approx(0)
    assert _concentration(np.ones((3, 1))) == 1


@pytest.mark.parametrize("codes", [themselves(), with_dead()])
def test_the_factors_themselves(codes):
    found = dci(codes, FACTORS)
    assert found.informativeness == 1 and found.accuracy.tolist() == [1] * 5
    assert found.disentanglement == pytest.approx(1) == found.completeness
    assert found.importance.argmax(0).tolist() == [2, 1, 4, 0, 3]


def test_what_is_not_disentangled():
    turned = dci(rotated(), FACTORS, classifier=TREE)
    assert turned.disentanglement < 0.2 and turned.completeness < 0.2
    nothing = dci(noise(5), FACTORS, classifier=TREE)
    assert nothing.disentanglement < 0.01 and nothing.completeness < 0.01
    chance = sum(1 / n for n in (3, 4, 6, 12, 12)) / 5
    assert nothing.informativeness == pytest.approx(chance, abs=0.02)
    constant = dci(dead(), FACTORS)
    assert constant.disentanglement == constant.completeness == 0
    assert constant.informativeness == pytest.approx(chance, abs=0.02)


def test_dead_codes_do_not_make_complete():
    """Neither score changes when codes are added that say nothing because they do not vary."""
    codes = rotated()[::5]
    alone, beside = (
        dci(c, FACTORS[::5], classifier=TREE) for c in (codes, torch.cat([codes, dead()[::5]], 1))
    )
    assert beside.completeness == pytest.approx(alone.completeness, abs=0.01)
    assert beside.disentanglement == pytest.approx(alone.disentanglement, abs=0.01)


def test_disentangled_and_incomplete():
    """Two codes for one factor, each of which is for it alone; and the other way round."""
    z = FACTORS[:, :2].double()
    shared = torch.stack([z[:, 0], z[:, 1] // 2, z[:, 1] % 2], 1)
    found = dci(shared, FACTORS[:, :2], classifier=TREE)
    assert found.disentanglement == pytest.approx(1) and found.informativeness == 1
    assert found.completeness < 0.8
    joined = dci(z[:, :1] + 3 * z[:, 1:], FACTORS[:, :2], classifier=TREE)
    assert joined.completeness == 1 and joined.informativeness == 1
    assert joined.disentanglement == pytest.approx(0, abs=1e-9)


def test_the_seed_decides():
    codes = themselves() + 0.5 * noise(5)
    one, two, other = (dci(codes[::20], FACTORS[::20], seed=s) for s in (0, 0, 1))
    assert torch.equal(one.importance, two.importance) and one.accuracy.equal(two.accuracy)
    assert not torch.equal(one.importance, other.importance)

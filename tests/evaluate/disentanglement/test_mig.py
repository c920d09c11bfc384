"""The gap against counts by hand, and on representations whose score is known."""

import math

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.evaluate import mig

from .representations import FACTORS, dead, noise, rotated, themselves, with_dead


def test_by_hand():
    """Eight rows: a factor of two values, a code that is it, and one that errs twice."""
    factor = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    half = torch.tensor([0, 0, 0, 1, 0, 1, 1, 1])
    found = mig(torch.stack([half, factor], 1).float(), factor[:, None], bins=None)
    # joint counts 3 1 / 1 3 of 8, uniform margins
    information = 2 * (3 / 8 * math.log(3 / 8 / (1 / 4)) + 1 / 8 * math.log(1 / 8 / (1 / 4)))
    assert found.matrix.flatten().tolist() == pytest.approx([information / math.log(2), 1.0])
    assert found.score == pytest.approx(1 - information / math.log(2))
    assert found.best.tolist() == [1]


def test_information_is_that_of_the_counts():
    generator = torch.Generator().manual_seed(0)
    factors = torch.randint(0, 4, (500, 2), generator=generator)
    codes = (factors + torch.randint(0, 3, (500, 2), generator=generator)).flip(1)
    found = mig(codes.double(), factors, bins=None)
    for i in range(2):
        for f in range(2):
            joint = torch.zeros(6, 4, dtype=torch.float64)
            for code, factor in zip(codes[:, i], factors[:, f], strict=True):
                joint[code, factor] += 1 / 500
            outer = joint.sum(1, keepdim=True) * joint.sum(0)
            information = torch.special.xlogy(joint, joint / outer).nan_to_num().sum()
            entropy = torch.special.entr(joint.sum(0)).sum()
            assert float(found.matrix[i, f]) == pytest.approx(float(information / entropy))


def test_bins_are_equal_parts_of_the_range():
    codes = torch.tensor([0.0, 0.9, 1.1, 2.0])[:, None]
    factors = torch.tensor([0, 0, 1, 1])[:, None]
    assert mig(codes, factors, bins=2).score == pytest.approx(1)
    assert mig(codes[[0, 1, 1, 3]], factors, bins=2).score == pytest.approx(
        mig(torch.tensor([0.0, 0, 0, 1])[:, None], factors, bins=None).score
    )


@pytest.mark.parametrize("codes", [themselves(), with_dead()])
def test_the_factors_themselves(codes):
    found = mig(codes, FACTORS)
    assert found.score == pytest.approx(1)
    assert found.best.tolist() == [2, 1, 4, 0, 3]


def test_what_is_not_disentangled():
    assert mig(rotated(), FACTORS).score < 0.15
    assert mig(noise(5), FACTORS).score < 0.005
    assert mig(dead(), FACTORS).score == 0
    twice = torch.cat([themselves(), themselves()], 1)
    assert mig(twice, FACTORS).score == pytest.approx(0)


def test_a_code_that_is_constant_up_to_rounding():
    codes = torch.full((len(FACTORS), 2), 0.1, dtype=torch.float64)
    codes[0, 0] = torch.nextafter(codes[0, 0], codes[0, 0] + 1)
    assert mig(codes, FACTORS).score == pytest.approx(0, abs=1e-3)


def test_too_few_bins():
    with pytest.raises(ConfigError, match="bins=1; needs 2 or more, or None"):
        mig(themselves(), FACTORS, bins=1)

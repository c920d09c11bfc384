"""Rate and distortion of pairs whose KL and likelihood are known in closed form."""

import math

import pytest
import torch

from pyrovae.apply import rate_distortion
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError


@pytest.fixture(scope="module")
def found():
    pairs = {float(seed): LinearGaussian.random(data_dim=5, latent_dim=2, seed=seed)
             for seed in (2, 1)}  # fmt: skip
    x = pairs[1.0].sample(4000, seed=3)
    return pairs, x, rate_distortion(pairs, x, steps=[0.5], seed=0)


@torch.no_grad()
def test_rate_and_distortion_are_the_exact_ones(found):
    pairs, x, measured = found
    assert [point.beta for point in measured.points] == [1.0, 2.0]
    for point in measured.points:
        pair, unit = pairs[point.beta], 5 * math.log(2)
        assert point.rate * unit == pytest.approx(float(pair.kl(x).mean()), rel=0.02)
        assert point.distortion * unit == pytest.approx(
            -float(pair.reconstruction(x).mean()), rel=0.02
        )
        assert point.minus_elbo * unit == pytest.approx(-float(pair.elbo(x).mean()), rel=0.02)


@torch.no_grad()
def test_the_error_is_that_of_a_draw(found):
    pairs, x, measured = found
    for point in measured.points:
        pair = pairs[point.beta]
        q = pair._q(x)
        weight = pair.decoder.weight.double()
        spread = (weight @ q.covariance_matrix @ weight.T).diagonal(0, -2, -1).sum(-1).mean()
        exact = (pair.decoder.affine(q.mean) - x).square().sum(-1).mean() + spread
        assert point.mse * 5 == pytest.approx(float(exact), rel=0.05)
        assert point.psnr == pytest.approx(
            10 * math.log10(float(x.max() - x.min()) ** 2 / point.mse), abs=1e-3
        )


def test_table_numbers_and_picture(found):
    measured = found[2]
    assert len(measured.cells()) == 3 and "-ELBO" in str(measured)
    assert len(measured.numbers()["lossy"]) == 2
    assert len(measured.plot().axes) == 2


def test_refusals():
    with pytest.raises(ConfigError, match="pairs is empty"):
        rate_distortion({}, torch.eye(3))
    with pytest.raises(ConfigError, match=r"pairs\[1.0\]"):
        rate_distortion({1.0: 3}, torch.eye(3))

"""Rate and distortion of pairs whose KL and likelihood are known in closed form."""

import math

import pytest
import torch

from pyrovae.apply import rate_distortion
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError
from pyrovae.models import ProbabilisticPCA


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
    assert len(measured.plot().axes) == 3


def test_refusals():
    with pytest.raises(ConfigError, match="pairs is empty"):
        rate_distortion({}, torch.eye(3))
    with pytest.raises(ConfigError, match=r"pairs\[1.0\]"):
        rate_distortion({1.0: 3}, torch.eye(3))


def solved(x, beta):
    """The optimum of D + beta R over linear pairs whose noise is fixed, in closed form."""
    pair = ProbabilisticPCA(6, 2, init_scale=0.6, learn_scale=False).double()
    pair.solve(x, beta)
    return pair


def test_beta_is_minus_the_slope_of_the_curve_of_optimal_pairs():
    """Between two optima the secant has a slope between theirs: the curve is convex."""
    spread = torch.tensor([2.0, 1.5, 1, 0.7, 0.6, 0.5], dtype=torch.float64)
    x = spread * torch.randn(3000, 6, generator=torch.Generator().manual_seed(0)).double()
    betas = (0.5, 1.0, 2.0, 4.0)
    found = rate_distortion({beta: solved(x, beta) for beta in betas}, x, seed=0)
    for low, high in zip(found.points, found.points[1:], strict=False):
        slope = (high.distortion - low.distortion) / (low.rate - high.rate)
        assert low.beta - 0.05 < slope < high.beta + 0.05
    assert min(found.points, key=lambda p: p.minus_elbo).beta == 1.0
    # Entropy of the data: no pair on it has less.
    entropy = float(spread.log().sum() + 3 * math.log(2 * math.pi * math.e)) / (6 * math.log(2))
    known = rate_distortion({b: solved(x, b) for b in betas}, x, entropy=entropy, seed=0)
    assert all(point.minus_elbo > entropy - 0.05 for point in known.points)
    assert "entropy of the data" in known.plot().axes[0].get_legend_handles_labels()[1][0]


def test_several_curves():
    x = torch.randn(100, 6, generator=torch.Generator().manual_seed(0)).double()
    curves = {name: {b: solved(x, b) for b in (2.0, 0.5)} for name in ("one", "two")}
    found = rate_distortion(curves, x, seed=0)
    assert [(p.name, p.beta) for p in found.points] == [
        ("one", 0.5), ("one", 2.0), ("two", 0.5), ("two", 2.0)
    ]  # fmt: skip
    assert found.numbers()["name"][-1] == "two" and found.records()[2]["name"] == "two"
    plane = found.plot().axes[0]
    assert plane.get_legend_handles_labels()[1][1:] == ["one", "two"]
    assert [t.get_text() for t in plane.texts].count("0.5") == 2

"""`apply.forecast`: scores against closed forms, coverage of an exact pair, baselines."""

import math

import numpy as np
import pyro
import pytest
import torch
from scipy.stats import norm
from torch import Tensor

from pyrovae import apply
from pyrovae.apply.forecasting.baselines import autoregression, random_walk
from pyrovae.apply.forecasting.held_back import held_back
from pyrovae.apply.forecasting.scores import crps_of, intervals, scores_of
from pyrovae.data import Dataset, LinearGaussianStateSpace, Split
from pyrovae.errors import ConfigError, DataError
from pyrovae.models import DeepMarkovModel
from tests.oracles import z_scores


class Exact(LinearGaussianStateSpace):
    """Forecasts by Kalman's filter, as draws that are right together."""

    def forecast(self, x: Tensor, horizon: int, y=None, *, num_samples: int = 1000) -> Tensor:
        of, found = self.dynamics(), self.filter(x)
        start = torch.distributions.MultivariateNormal(found.means[:, -1], found.covs[-1])
        z, drawn = start.sample((num_samples,)), []
        for _ in range(horizon):
            loc = z @ of.transition.T + of.drift
            z = loc + self.log_process_scale.exp() * torch.randn_like(loc)
            mean = z @ of.emission.T + of.bias
            drawn.append(mean + self.log_noise_scale.exp() * torch.randn_like(mean))
        return torch.stack(drawn, 2)


def test_crps_is_that_of_a_normal():
    pyro.set_rng_seed(0)
    truth = torch.tensor([0.0, 0.7, -2.0], dtype=torch.float64)
    z = truth.numpy()
    exact = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / math.sqrt(math.pi)
    each = torch.stack(
        [crps_of(torch.randn(20, 1, dtype=torch.float64), truth) for _ in range(4000)]
    )
    assert (z_scores(each, torch.from_numpy(exact)).abs() < 4).all()


def test_scores_of_a_known_set():
    draws = torch.arange(101.0)[:, None, None, None].expand(101, 2, 1, 1)
    truth = torch.tensor([[[50.0]], [[99.0]]])
    found = scores_of(draws, truth, torch.ones_like(truth).bool(), [0.5, 0.9])
    assert found.coverage.tolist() == [0.5, 0.5]
    assert found.rmse == pytest.approx(math.sqrt(49**2 / 2))
    low, high = intervals(draws, [0.5])[0]
    assert (low[0, 0, 0], high[0, 0, 0]) == (25, 75)
    seen = torch.tensor([[[True]], [[False]]])
    assert scores_of(draws, truth, seen, [0.5]).coverage.tolist() == [1.0]


def test_intervals_of_an_exact_pair_cover_what_they_say():
    """Of the first step, for which the series are independent trials: a binomial test."""
    pair = Exact.random(1, 2, seed=5).requires_grad_(False)
    x = pair.sample(1500, num_steps=8, seed=6)
    found = apply.forecast(pair, x, horizon=2, num_samples=400, seed=0)
    for place, level in enumerate(found.levels):
        hit = float(found.scores["pair"].coverage_by_step[place, 0])
        z = (hit - level) / math.sqrt(level * (1 - level) / 1500)
        assert abs(z) < 3.5, (level, hit)
    means, covs = LinearGaussianStateSpace.forecast(pair, x[:, :6], 2)
    assert (found.mean - means).abs().max() < 6 * float(covs.max().sqrt()) / 20
    scores = found.scores
    assert scores["pair"].crps < scores["autoregression"].crps < scores["random walk"].crps


class TooWide(Exact):
    def forecast(self, x: Tensor, horizon: int, y=None, *, num_samples: int = 1000) -> Tensor:
        drawn = super().forecast(x, horizon, y, num_samples=num_samples)
        return drawn.mean(0) + 1.5 * (drawn - drawn.mean(0))


def test_intervals_that_are_too_wide_are_calibrated():
    pair = TooWide.random(1, 2, seed=5).requires_grad_(False)
    x, val = pair.sample(800, num_steps=8, seed=6), pair.sample(800, num_steps=8, seed=7)
    found = apply.forecast(pair, x, horizon=1, num_samples=400, val=val, seed=0)
    raw, better = found.scores["pair"], found.scores["pair, calibrated"]
    for place, level in enumerate(found.levels):
        error = math.sqrt(2 * level * (1 - level) / 800)  # of both sets
        assert abs(float(better.coverage[place]) - level) < 3.5 * error
        assert float(raw.coverage[place]) - level > 3 * error or level > 0.94
    low, high = found.interval(0.9)
    wide = torch.quantile(found.draws, 0.95, 0) - torch.quantile(found.draws, 0.05, 0)
    assert ((high - low) < 0.8 * wide).all()


def test_an_autoregression_finds_its_coefficients():
    rng = np.random.default_rng(0)
    x = np.zeros((200, 40, 2))
    weight, noise = np.array([[0.6, -0.3], [0.3, 0.5]]), np.array([0.5, 0.2])
    for t in range(1, 40):
        x[:, t] = 0.2 + x[:, t - 1] @ weight.T + noise * rng.normal(size=(200, 2))
    x = torch.from_numpy(x)
    data = held_back(x, None, 1)
    drawn = autoregression(data, (x, torch.full((200,), 40)), 1, 500, torch.Generator())
    expected = 0.2 + data.x[:, -1] @ torch.from_numpy(weight).T
    assert (drawn.mean(0)[:, 0] - expected).abs().max() < 0.12
    torch.testing.assert_close(
        drawn.std(0)[:, 0].mean(0), torch.from_numpy(noise), rtol=0.03, atol=0
    )


def test_each_series_is_cut_at_its_own_end():
    x = torch.arange(12.0).reshape(2, 6, 1)
    data = held_back(x, torch.tensor([6, 4]), 2)
    assert data.truth.flatten().tolist() == [4, 5, 8, 9]
    assert data.lengths.tolist() == [4, 2]
    assert data.x[1].flatten().tolist() == [6, 7, 0, 0]
    drawn = random_walk(data, 2000, torch.Generator().manual_seed(0))
    assert (drawn.mean(0)[:, 0, 0] - torch.tensor([3.0, 7.0])).abs().max() < 0.1
    assert len(held_back(x, torch.tensor([6, 2]), 2).x) == 1


def test_with_lengths_and_with_masks():
    pyro.set_rng_seed(0)
    dmm, x = DeepMarkovModel((8, 1), 2, lengths=True), torch.randn(4, 8, 1)
    lengths = torch.tensor([8, 5, 7, 8])
    found = apply.forecast(dmm, Split(x, lengths), horizon=3, num_samples=20, seed=0)
    assert found.truth.shape == (4, 3, 1) and found.plot() is not None
    masked = DeepMarkovModel((8, 1), 2, missing=True)
    found = apply.forecast(masked, (x, torch.rand(4, 8, 1) < 0.8), horizon=3, num_samples=20)
    assert list(found.scores) == ["pair"]


def test_what_is_refused():
    dmm, x = DeepMarkovModel((8, 1), 2), torch.randn(4, 8, 1)
    with pytest.raises(DataError, match="horizon=8, which leaves none"):
        apply.forecast(dmm, x, horizon=8)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        apply.forecast(dmm, x, horizon=2, levels=[90])
    with pytest.raises(ConfigError, match="no method forecast"):
        apply.forecast(lambda x: None, lambda x: None, x)
    with pytest.raises(DataError, match="at most 2 steps"):
        held_back(x, torch.tensor([1, 2, 1, 1]), 3)
    timed = DeepMarkovModel((8, 1), 2, lengths=True)
    with pytest.raises(DataError, match="without a second tensor"):
        apply.forecast(timed, x, horizon=2)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_an_autoregression_has_the_unit_of_the_data(scale):
    x = torch.randn(20, 1, 2) + 0.2 * torch.randn(20, 15, 2).cumsum(1)
    made = []
    for unit in (1.0, scale):
        data = held_back(unit * x, None, 3)
        noise = torch.Generator().manual_seed(0)
        made.append(autoregression(data, (data.x, data.lengths), 2, 5, noise) / unit)
    assert torch.allclose(*made, rtol=1e-3, atol=1e-3)


def test_an_autoregression_of_few_steps_or_of_equal_columns():
    noise = torch.Generator().manual_seed(0)
    for x in (torch.randn(400, 3, 2), torch.randn(400, 9, 1).expand(400, 9, 2)):
        data = held_back(x, None, 2)
        drawn = autoregression(data, (data.x, data.lengths), 5, 50, noise)
        assert abs(float(drawn.std()) - 1) < 0.05


def test_a_series_without_known_steps_counts_in_no_standard_error():
    draws, truth = torch.randn(50, 30, 2, 1), torch.randn(30, 2, 1)
    seen = (torch.arange(30) < 20)[:, None, None].expand(30, 2, 1)
    some = scores_of(draws[:, :20], truth[:20], seen[:20], [0.5])
    every = scores_of(draws, truth, seen, [0.5])
    assert torch.allclose(every.coverage_error, some.coverage_error)
    hits = [((truth >= a) & (truth <= b)).double() for a, b in intervals(draws, [0.5])]
    each = hits[0][:20].mean((1, 2))
    assert torch.allclose(some.coverage_error[0], each.std() / 20**0.5)


def test_missing_values_may_hold_anything_and_some_are_known():
    dmm, x = DeepMarkovModel((6, 1), 1, missing=True), torch.randn(5, 6, 1)
    mask = torch.ones(5, 6, 1, dtype=torch.bool)
    mask[:, 3] = False
    gone = torch.where(mask, x, math.nan)
    options = {"horizon": 2, "num_samples": 20, "seed": 0}
    one, two = (apply.forecast(dmm, (each, mask), **options) for each in (x, gone))
    assert torch.equal(one.draws, two.draws)
    with pytest.raises(DataError, match="none of the last 2 steps"):
        apply.forecast(dmm, (x, mask & (torch.arange(6) < 4)[:, None]), **options)


def test_a_data_set_gives_its_splits():
    x = torch.randn(30, 6, 1)
    made = Dataset("made", Split(x[:20]), Split(x[20:24]), Split(x[24:]))
    dmm, options = DeepMarkovModel((6, 1), 1), {"horizon": 2, "num_samples": 20, "seed": 0}
    whole = apply.forecast(dmm, made, val=made, **options)
    parts = apply.forecast(dmm, made.test, val=made.val, **options)
    assert whole.taken == parts.taken

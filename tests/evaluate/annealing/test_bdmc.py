"""`bdmc` brackets an exact log p(x), by as much as theory says."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import DataError
from pyrovae.evaluate import bdmc
from pyrovae.evaluate.annealing import Bracket
from tests.evaluate.annealing.gaussians import exact_moves, riemann
from tests.evaluate.annealing.pairs import (
    beta_binomial,
    gamma_poisson,
    log_normal_guide,
    poor,
    uniform_guide,
)
from tests.oracles import LG2_ARRAYS, lg2, z_scores
from tests.pairs import STYLES


@pytest.mark.parametrize(("data_dim", "latent_dim", "seed"), [(5, 2, 0), (3, 1, 1), (8, 4, 2)])
@pytest.mark.parametrize("start", ["guide", "prior"])
def test_the_exact_evidence_lies_between(data_dim, latent_dim, seed, start):
    oracle = LinearGaussian.random(data_dim=data_dim, latent_dim=latent_dim, seed=seed)
    found = bdmc(
        oracle.model, oracle.guide, oracle.sample(60, seed=1), num_particles=8,
        num_temperatures=8, num_leapfrog=3, start=start, seed=2,
    )  # fmt: skip
    exact = oracle.log_px(*found.data).detach()
    below, above = exact - found.lower, found.upper - exact
    assert z_scores(below, 0.0) > -3 and z_scores(above, 0.0) > -3
    assert found.gap.mean() > -0.01
    worst = ((found.lower - exact) / found.lower_error).max()
    assert worst < 4.5, "no lower bound is above by more than its noise"


@pytest.mark.parametrize("fixture", ["lg2", "random", "poor"])
def test_a_poor_guide_is_bracketed_too(fixture):
    oracle = lg2()[0] if fixture == "lg2" else LinearGaussian.random(
        data_dim=6, latent_dim=3, seed=4)  # fmt: skip
    oracle = poor(oracle) if fixture == "poor" else oracle
    found = bdmc(
        oracle.model, oracle.guide, oracle.sample(40, seed=1), num_particles=10,
        num_temperatures=40, num_leapfrog=3, seed=0,
    )  # fmt: skip
    exact = oracle.log_px(*found.data).mean().item()
    s = found.summary()
    assert s["lower"] - 3 * s["lower_monte_carlo_error"] < exact
    assert exact < s["upper"] + 3 * s["upper_monte_carlo_error"]
    assert s["gap"] < 1.5


@pytest.mark.parametrize("size", [1, 2, 5])
def test_exact_moves_give_both_riemann_sums(size):
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    found = bdmc(
        oracle.model, oracle.guide, oracle.sample(20_000, seed=1), num_particles=1,
        num_temperatures=size, schedule="linear", transition=exact_moves(oracle), rows=5000,
        seed=3,
    )  # fmt: skip
    x = found.data[0]
    lower, upper = riemann(oracle, x, size)
    assert z_scores(found.lower - lower, 0.0).abs() < 4.5
    assert z_scores(found.upper - upper, 0.0).abs() < 4.5
    jeffreys = (oracle.eubo(x) - oracle.elbo(x)).detach()
    torch.testing.assert_close(upper - lower, jeffreys / size)
    assert z_scores(found.gap - jeffreys / size, 0.0).abs() < 4.5


def test_the_reverse_weight_is_one_over_the_evidence_however_bad_the_moves():
    oracle = LinearGaussian.random(data_dim=3, latent_dim=2, seed=0)
    found = bdmc(
        oracle.model, oracle.guide, oracle.sample(20_000, seed=1), num_particles=1,
        num_temperatures=3, num_leapfrog=1, target_acceptance=0.3, rows=10_000, seed=1,
    )  # fmt: skip
    exact = oracle.log_px(*found.data).detach()
    assert z_scores((exact - found.upper).exp(), 1.0).abs() < 4.5
    assert z_scores((found.lower - exact).exp(), 1.0).abs() < 4.5


@pytest.mark.parametrize(
    ("model", "guide", "exact"),
    [
        (gamma_poisson, log_normal_guide, dist.GammaPoisson(2.0, 1.5)),
        (beta_binomial, uniform_guide, dist.BetaBinomial(1.5, 2.5, 10)),
    ],
)
def test_constrained_latents(model, guide, exact):
    x = torch.zeros(100, dtype=torch.float64)
    found = bdmc(model, guide, x, num_particles=5, num_temperatures=10, num_leapfrog=3, seed=0)
    truth = exact.log_prob(found.data[0])
    assert z_scores(truth - found.lower, 0.0) > -3 and z_scores(found.upper - truth, 0.0) > -3
    assert (found.data[0] >= 0).all() and found.data[0].std() > 0


def test_nested_plates_and_data_that_are_turned():
    pair = STYLES["nested_plate"](torch.float64)
    with pytest.raises(DataError, match=r"shape \[6, 4\] where its argument is \[4, 6\]"):
        bdmc(pair.model, pair.guide, *pair.args)
    found = bdmc(
        pair.model, pair.guide, *pair.args, to_data=lambda made: (made["x"].T,),
        num_temperatures=5, num_leapfrog=2,
    )  # fmt: skip
    assert found.data[0].shape == (4, 6) and found.gap.isfinite().all()
    with pytest.raises(DataError, match="observes other values"):
        bdmc(pair.model, pair.guide, *pair.args, to_data=lambda made: (0 * made["x"].T,))


def test_contexts_stay_and_several_observations_must_be_told_apart():
    def model(x, label, both=False):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(label, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)
            if both:
                pyro.sample("y", dist.Normal(z, 1.0), obs=label)

    def guide(x, label, both=False):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal((x + label) / 2, 0.5**0.5))  # the posterior

    label = 10 * torch.arange(4.0)
    found = bdmc(model, guide, (torch.zeros(4), label), num_temperatures=2, num_leapfrog=2)
    assert len(found.data) == 1 and (found.data[0] - label).abs().max() < 9
    torch.testing.assert_close(found.lower, found.upper, atol=1e-3, rtol=1e-4)
    exact = dist.Normal(label, 2**0.5).log_prob(found.data[0])
    torch.testing.assert_close(found.lower.float(), exact, atol=1e-3, rtol=1e-4)
    with pytest.raises(DataError, match=r"observes \['x', 'y'\].*to_data="):
        bdmc(model, guide, (torch.zeros(4), label), True)


def test_a_seed_repeats_it_and_text():
    oracle = LinearGaussian.random(data_dim=len(LG2_ARRAYS["x"]), latent_dim=2, seed=0)
    x = oracle.sample(6, seed=1)

    def run(seed):
        return bdmc(
            oracle.model, oracle.guide, x, num_temperatures=3, num_leapfrog=2, rows=4, seed=seed
        )

    before = torch.get_rng_state()
    first, again = run(1), run(1)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first.gap, again.gap) and torch.equal(first.data[0], again.data[0])
    assert not torch.equal(first.gap, run(2).gap)
    assert "6 simulated data" in str(first)


def _bracket(lower, upper, errors=(0.01, 0.02)):
    two = torch.ones(2, dtype=torch.float64)
    return Bracket(
        lower=lower * two, upper=upper * two, lower_error=errors[0] * two,
        upper_error=errors[1] * two, acceptance=0.7 * two, data=(two,), num_particles=4,
        num_temperatures=3, start="guide",
    )  # fmt: skip


def test_text_gives_each_bound_with_its_error():
    text = str(_bracket(-7.5, -7.25))
    rows = {line.split("  ")[0]: line.split()[-3:] for line in text.splitlines()[1:4]}
    assert rows["lower bound"] == ["-7.500", "0.000", "0.007"]
    assert rows["upper bound"] == ["-7.250", "0.000", "0.014"]
    assert rows["gap"] == ["0.250", "0.000", "0.016"] and "cross" not in text


def test_text_says_when_the_bounds_cross():
    text = str(_bracket(-7.266, -7.272))
    assert "the bounds cross by 0.006 +- 0.016 (Monte Carlo)" in text
    assert "nan" in str(_bracket(-7.266, -7.272, (float("nan"), float("nan"))))

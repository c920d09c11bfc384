"""ESS of an objective's own particles, k-hat of all draws of a datum together."""

import math

import pytest
import torch
from pyro.infer import Trace_ELBO

from pyrovae.data import LinearGaussian
from pyrovae.evaluate.comparison.bounds import Subject
from pyrovae.evaluate.comparison.weights import weights_of
from pyrovae.math import pareto_k_limit
from pyrovae.objectives import ELBO, IWAE
from pyrovae.objectives.pyro_loss import as_objective
from tests.pairs import STYLES


@pytest.fixture(scope="module")
def oracle():
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return pair, pair.sample(20, seed=1)


def of(pair, x):
    return Subject(pair.model, pair.guide, (x,))


def weights(objective, subject, draws):
    return weights_of({"": as_objective(objective)}, subject, draws)[""]


@pytest.mark.parametrize(
    ("objective", "num_draws", "pooled"),
    [
        (ELBO(1), 200, 200),
        (Trace_ELBO(1), 40, 40),
        (IWAE(8), 200, 1000),
        (IWAE(300), 200, 3000),
        (IWAE(4), 5, math.nan),
        (IWAE(30), 2, 60),
    ],
)
def test_k_hat_of_pooled_weights(oracle, objective, num_draws, pooled):
    found = weights(objective, of(*oracle), num_draws)
    assert found["k_hat_weights"] == pytest.approx(pooled, nan_ok=True)
    if math.isnan(pooled):
        assert math.isnan(found["k_hat"])
    else:
        assert found["k_hat"] < 0.5 and found["k_hat_limit"] == pareto_k_limit(int(pooled))


def test_k_hat_is_that_of_the_pair_at_any_k():
    """A guide too narrow by half: the weights have k = 1 - 1 / rho with rho = 4."""
    pair = LinearGaussian.random(data_dim=3, latent_dim=1, seed=0)
    x = pair.sample(30, seed=1)
    with torch.no_grad():
        sd = pair.posterior(x).covariance_matrix.flatten()[0].sqrt()
        pair.encoder.log_scale.fill_((0.5 * sd).log())
    for k in (1, 5, 50):
        found = weights(IWAE(k), of(pair, x), 1000)
        assert found["k_hat"] == pytest.approx(0.75, abs=0.15), k


def test_ess_is_that_of_its_own_particles(oracle):
    pair, x = oracle
    found = weights(IWAE(300), of(pair, x), 30)
    exact = float((300 * pair.ess(x)).detach().median())
    assert found["ess"] == pytest.approx(exact, rel=0.05)
    assert weights(ELBO(1), of(pair, x), 30)["ess"] == 1


def test_draws_of_other_data_are_not_pooled():
    pair = STYLES["subsampled_plate"](torch.float32)
    subject = Subject(pair.model, pair.guide, pair.args)
    assert math.isnan(weights(IWAE(5), subject, 30)["k_hat"])
    assert weights(IWAE(40), subject, 30)["k_hat_weights"] == 40


def test_equal_weights_are_drawn_once(oracle):
    pair, x = oracle
    runs = []

    def guide(x):
        runs.append(0)
        return pair.guide(x)

    every = {"a": IWAE(8), "b": ELBO(8), "c": as_objective(Trace_ELBO(8)), "d": IWAE(4)}
    found = weights_of(every, Subject(pair.model, guide, (x,)), 12)
    assert found["a"] == found["b"] == found["c"] != found["d"]
    assert found["a"] == weights(ELBO(8), of(pair, x), 12)
    assert len(runs) < 30  # two kinds of 12 draws, and a first look at the plates

"""What a result says: figures, text, and whether to trust it."""

import math

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.evaluate import log_evidence
from tests.oracles import underdispersed


@pytest.fixture
def gaussian():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    return oracle, oracle.sample(37, seed=1)


@pytest.mark.parametrize(
    ("num_particles", "limit"), [(1, -np.inf), (10, 0), (100, 0.5), (1000, 2 / 3), (5000, 0.7)]
)
def test_the_limit_of_k_hat_grows_with_k(gaussian, num_particles, limit):
    oracle, x = gaussian
    found = log_evidence(oracle.model, oracle.guide, x[:2], num_particles=num_particles)
    assert found.threshold == pytest.approx(limit)


def test_it_says_what_should_not_be_trusted(gaussian):
    oracle, x = gaussian
    good = log_evidence(oracle.model, oracle.guide, x, num_particles=2000, seed=0)
    assert good.trusted.all()
    assert "within 0.1 nats: doubling K adds" in str(good)
    assert good.summary()["trusted"] == 1
    assert good.summary()["k_hat_threshold"] == good.threshold
    narrow, one = underdispersed(0.05)
    bad = log_evidence(narrow.model, narrow.guide, one.expand(8, -1), num_particles=1000, seed=0)
    assert "nats too low: doubling K adds" in str(bad) and bad.shortfall > 0.1
    one_draw = log_evidence(oracle.model, oracle.guide, x, num_particles=1)
    assert not one_draw.trusted.any() and "not known" in str(one_draw)


def test_summary_and_text(gaussian):
    oracle, x = gaussian
    found = log_evidence(oracle.model, oracle.guide, x, num_particles=100, seed=0)
    summary = found.summary()
    assert summary["log_px"] == found.mean() == found.log_px.mean().item()
    assert summary["standard_error"] == pytest.approx(found.log_px.std().item() / 37**0.5)
    assert summary["ess_min"] <= summary["ess_median"] <= 100
    assert summary["k_hat_median"] <= summary["k_hat_max"]
    assert (summary["num_data"], summary["num_particles"]) == (37, 100)
    assert "37 data, K = 100" in str(found)


def _of_states(logits, locs, q_logits=None):
    """A mixture whose component is the only latent; exact log p(x) of its data."""

    def model(x):
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(logits=logits))
            pyro.sample("x", dist.Normal(locs[k], 1.0).to_event(1), obs=x)

    def guide(x):
        own = logits.expand(len(x), -1) if q_logits is None else q_logits(x)
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Categorical(logits=own))

    def log_px(x):
        each = dist.Normal(locs[:, None], 1.0).to_event(1).log_prob(x)
        return torch.logsumexp(each + logits.log_softmax(0)[:, None], 0)

    return model, guide, log_px


@pytest.mark.parametrize("num_states", [2, 3, 4])
def test_weights_of_few_states_are_bounded_and_trusted(num_states):
    """Of each datum the same is said: no fit of a tail to as many points as there are states."""
    torch.manual_seed(num_states)
    locs, weight = torch.randn(num_states, 6), 0.3 * torch.randn(6, num_states)
    made = _of_states(torch.zeros(num_states), locs, lambda x: x @ weight)
    model, guide, log_px = made
    x = torch.randn(24, 6)
    found = log_evidence(model, guide, x, num_particles=400, seed=0)
    known = ~found.k_hat.isnan()
    assert (found.k_hat[known] == -math.inf).all() and known.sum() > 18
    z = (found.log_px - log_px(x)) / found.standard_error
    assert z[known].abs().max() < 4.5
    summary = found.summary()
    assert summary["k_hat_max"] == -math.inf and summary["nan"] == summary["infinite"] == 0
    assert found.verdict.startswith("within 0.1 nats"), "whatever k-hat says"


def test_the_verdict_names_what_is_not_known_apart_from_what_is_too_large():
    """One rare state carries the mass: four draws of it in a hundred are no tail."""
    locs = torch.tensor([[0.0], [3.0]])
    model, guide, _ = _of_states(
        torch.zeros(2), locs, lambda x: torch.tensor([0.0, -6.0]).expand(len(x), 2)
    )
    x = torch.cat([torch.full((20, 1), 2.5), torch.full((4, 1), -9.0)])
    found = log_evidence(model, guide, x, num_particles=1000, seed=1)
    unknown = int(found.k_hat.isnan().sum())
    assert 0 < unknown < 24
    assert found.shortfalls.isfinite().all()


def test_an_exact_guide_is_trusted():
    """Its weights are all p(x), but for rounding."""
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(20, seed=1).float()

    def guide(x):
        p = oracle.posterior(x)
        loc, tril = p.mean.to(x), p.scale_tril.to(x)
        with pyro.plate("batch", len(x)):
            pyro.sample("z", dist.MultivariateNormal(loc, scale_tril=tril))

    found = log_evidence(oracle.model, guide, x, num_particles=100, seed=0)
    assert (found.k_hat == -math.inf).all() and found.trusted.all()
    torch.testing.assert_close(found.log_px, oracle.log_px(x).double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("compile", [False, True])
def test_weights_that_are_not_finite_are_counted_and_named(compile):
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            odd = torch.where(x[:, 0] > 1.5, (z - 0.5).log(), z)  # NaN for half of the draws
            loc = dist.Normal(odd, 1.0, validate_args=False).mask(True)
            pyro.sample("x", loc, obs=x[:, 0])

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(len(x)), 1.0))

    x = torch.tensor([[0.0], [2.0], [1.0], [3.0], [0.5], [0.2]])
    with pyro.validation_enabled(False):
        found = log_evidence(
            model, guide, x, num_particles=200, chunk=300, seed=0, compile=compile
        )
    bad = (x[:, 0] > 1.5).tolist()
    assert (found.num_nan > 0).tolist() == bad and not found.num_infinite.any()
    assert found.log_px.isnan().tolist() == bad and found.k_hat.isnan().tolist() == bad
    assert found.not_finite_sites == {"x": 2}
    count = int(found.num_nan.sum())
    assert found.summary()["nan"] == count and found.summary()["infinite"] == 0
    said = str(found)
    assert f"{count} weights are NaN and 0 infinite, at 2 of 6 data (density of 'x' of 2" in said
    assert "not known" in said


def test_infinite_weights_are_counted():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)
            pyro.factor("spike", torch.where(x > 1, math.inf, 0.0))

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.new_zeros(len(x)), 1.0))

    found = log_evidence(model, guide, torch.tensor([0.0, 2.0]), num_particles=30, seed=0)
    assert found.num_infinite.tolist() == [0, 30] and found.log_px.tolist()[1] == math.inf
    assert found.not_finite_sites == {"spike": 1} and found.k_hat.isnan().tolist()[1]
    assert "0 weights are NaN and 30 infinite, at 1 of 2 data" in str(found)

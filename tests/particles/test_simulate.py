"""Data and latents drawn from a model."""

import pytest
import torch
from pyro import poutine

from pyrovae.particles import score, simulate_joint
from tests.particles.small_pairs import normal_pair, pair_of


@pytest.mark.parametrize("style", ["module_functions", "nested_plate", "hierarchy", "family"])
def test_simulated_latents_made_the_simulated_data(style):
    pair = pair_of(style)
    latents, observed = simulate_joint(pair.model, *pair.args)
    x = observed["x"].T if style == "nested_plate" else observed["x"]
    assert x.shape == pair.args[0].shape and not torch.equal(x, pair.args[0])
    p = score(pair.model, pair.guide, x, latents=latents)
    with poutine.trace() as recorder:
        native = {n: v[0].movedim(0, -1) if style == "nested_plate" and v.dim() > 2 else v[0]
                  for n, v in latents.items()}  # fmt: skip
        poutine.condition(pair.model, data=native)(x)
    torch.testing.assert_close(recorder.trace.log_prob_sum(), (p.log_lik + p.log_prior).sum())


def test_simulated_moments():
    model, _ = normal_pair()
    latents, observed = simulate_joint(model, torch.zeros(50_000))
    z, x = latents["z"][0], observed["x"]
    covariance = torch.cov(torch.stack([z, x]))
    torch.testing.assert_close(covariance, torch.tensor([[1.0, 1], [1, 2]]), atol=0.05, rtol=0)

"""Programs wrapped by effect handlers."""

import pyro.distributions as dist
import pytest
import torch

from pyrovae.particles import draw
from pyrovae.particles.handlers import prior_of, with_distributions, without_observations
from pyrovae.particles.tracing import record
from tests.particles.small_pairs import X, normal_pair, pair_of


@pytest.mark.parametrize("style", ["module_functions", "nested_plate", "hierarchy", "family"])
def test_the_prior_as_a_guide(style):
    pair = pair_of(style)
    p = draw(pair.model, prior_of(pair.model), *pair.args, num_particles=4)
    torch.testing.assert_close(p.log_q, p.log_prior)
    torch.testing.assert_close(p.log_w, p.log_lik)
    assert p.latents.keys() == draw(pair.model, pair.guide, *pair.args).latents.keys()


def test_distributions_exchanged():
    model, guide = normal_pair()
    seen = []

    def wider(name, fn):
        seen.append((name, fn.batch_shape))
        return dist.Normal(fn.loc + 1, 2 * fn.scale)

    p = draw(model, with_distributions(guide, wider), X, num_particles=5)
    assert seen[-1] == ("z", (3,))
    torch.testing.assert_close(p.log_q, dist.Normal(X + 1, 2.0).log_prob(p.latents["z"]))


def test_a_model_without_observations_draws_them():
    model, _ = normal_pair()
    drawn = record(without_observations(model), (X,), {}).nodes["x"]
    assert drawn["infer"]["was_observed"]
    assert not torch.equal(drawn["value"], X)

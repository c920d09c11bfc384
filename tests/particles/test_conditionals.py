"""The distributions that a program samples from, at chosen values of its latents."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data.synthetic import LinearGaussian
from pyrovae.particles.conditionals import conditionals

ORACLE = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
X = ORACLE.sample(4, seed=1)


def _chain(x):
    with pyro.plate("data", len(x)):
        first = pyro.sample("first", dist.Normal(torch.zeros(2), 1.0).to_event(1))
        second = pyro.sample("second", dist.Normal(first.sum(-1), 0.5))
        pyro.factor("weight", second)
        pyro.sample("x", dist.Normal(second, 1.0), obs=x)


def test_the_density_of_chosen_latents_is_that_of_the_joint():
    z = torch.randn(4, 2, dtype=X.dtype)
    found = conditionals(ORACLE.model, X, values={"z": z})
    joint = sum(site.fn.log_prob(site.value) for site in found.values())
    posterior = ORACLE.posterior(X)
    torch.testing.assert_close(joint, ORACLE.log_px(X) + posterior.log_prob(z))


def test_later_sites_follow_the_values_that_were_chosen():
    asked = []

    def choose(name, fn):
        asked.append(name)
        return fn.mean + 1 if name == "first" else None

    found = conditionals(_chain, torch.zeros(3), values=choose)
    assert asked == ["first", "second"]
    assert list(found) == ["first", "second", "weight", "x"]
    torch.testing.assert_close(found["second"].fn.mean, torch.full((3,), 2.0))
    torch.testing.assert_close(found["x"].fn.mean, found["second"].value)
    assert [site.is_observed for site in found.values()] == [False, False, True, True]


def test_data_in_the_arguments_only_count_where_nothing_is_observed():
    torch.manual_seed(0)
    found = conditionals(ORACLE.model, torch.zeros_like(X), observe=False)
    assert found["x"].is_observed and bool((found["x"].value != 0).all())


def test_gradients_reach_the_chosen_values():
    z = torch.zeros(4, 2, dtype=X.dtype, requires_grad=True)
    found = conditionals(ORACLE.model, X, values={"z": z})
    found["x"].fn.log_prob(X).sum().backward()
    weight, bias, variance = ORACLE._likelihood()
    expected = (X - bias) @ weight / variance
    torch.testing.assert_close(z.grad, expected)


@pytest.mark.parametrize("runs", [1, 2])
def test_a_run_leaves_nothing_in_the_parameter_store(runs):
    def program(x):
        loc = pyro.param("loc_of_this_test", torch.zeros(()))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, 1.0))

    for _ in range(runs):
        assert conditionals(program, X)["z"].value.shape == (4,)

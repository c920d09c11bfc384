"""The site that observes the data, and its elements."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.apply.observed import elements_at, site_of_data
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ShapeError, SiteError
from pyrovae.particles.conditionals import conditionals

X = torch.randn(4, 2, 3)


def _sites(*shapes):
    def model(x):
        with pyro.plate("data", len(x)):
            for number, shape in enumerate(shapes):
                fn = dist.Normal(torch.zeros(shape), 1.0).to_event(len(shape))
                pyro.sample(f"x{number}", fn, obs=x.reshape(len(x), -1)[:, :fn.event_shape.numel()]
                            .reshape(len(x), *shape))  # fmt: skip

    return conditionals(model, X)


def test_the_site_of_the_data_is_found_in_another_shape():
    name, site = site_of_data(_sites((2,), (6,)), X)
    assert name == "x1"
    torch.testing.assert_close(site.value.reshape(X.shape), X)


def test_no_site_and_several_sites_are_told():
    with pytest.raises(ShapeError, match=r"'x0': \[4, 2\].*\[4, 2, 3\]"):
        site_of_data(_sites((2,)), X)
    with pytest.raises(SiteError, match=r"\['x0', 'x1'\]"):
        site_of_data(_sites((6,), (2, 3)), X)


def test_elements_that_depend_on_each_other_are_told():
    whole = dist.MultivariateNormal(torch.zeros(3), torch.eye(3))
    with pytest.raises(SiteError, match="completion needs .* site 'x' .*MultivariateNormal"):
        elements_at("x", whole, "completion")


def test_the_elements_of_a_linear_gaussian_add_up():
    oracle = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = oracle.sample(3, seed=1)
    name, site = site_of_data(conditionals(oracle.model, x), x)
    elements = elements_at(name, site.fn, "this test")
    torch.testing.assert_close(elements.log_prob(x).sum(-1), site.fn.log_prob(x))

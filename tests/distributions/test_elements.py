"""The elements of a datum by themselves."""

import pyro.distributions as dist
import torch

from pyrovae.distributions.elements import elements_of
from pyrovae.nn import Bernoulli


def test_their_densities_add_up_to_that_of_the_datum():
    fn = Bernoulli()(torch.randn(4, 1, 2, 3), event_dim=2)
    x = torch.ones(4, 2, 3)
    each = elements_of(fn)
    assert each.batch_shape == (4, 2, 3)
    torch.testing.assert_close(each.log_prob(x).sum((-1, -2)), fn.log_prob(x))


def test_wrappers_within_wrappers_are_taken_off():
    fn = dist.Normal(torch.zeros(2, 3, 4), 1.0).to_event(1).to_event(1)
    assert elements_of(fn).batch_shape == (2, 3, 4)


def test_dependent_elements_have_none():
    whole = dist.MultivariateNormal(torch.zeros(3), torch.eye(3))
    assert elements_of(whole) is None
    assert elements_of(whole.expand([2]).to_event(1)) is None

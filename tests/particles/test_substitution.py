"""What is dreamt stands where the observation stood, and nowhere else."""

import pyro.distributions as dist
import pytest
import torch

from pyrovae.errors import SiteError
from pyrovae.particles.substitution import replace_observation

X, OTHER = torch.arange(6.0).reshape(3, 2), torch.zeros(3)


def _node(observed, value):
    return {"fn": dist.Normal(0.0, 1.0), "infer": {"obs": observed}, "value": value}


def test_an_argument_itself():
    value = torch.ones(3, 2)
    (args, kwargs) = replace_observation(((X, OTHER), {"again": X}), "x", _node(X, value))
    assert args[0] is value and args[1] is OTHER
    assert kwargs["again"] is X, "only the first of two places"


def test_a_view_of_an_argument():
    value = 10 + torch.arange(6.0)
    (args, _) = replace_observation(((X,), {}), "x", _node(X.flatten(), value))
    torch.testing.assert_close(args[0], value.reshape(3, 2))
    torch.testing.assert_close(X, torch.arange(6.0).reshape(3, 2))  # the data themselves stay
    (args, _) = replace_observation(((X,), {}), "x", _node(X[:, 1], -torch.ones(3)))
    torch.testing.assert_close(args[0], torch.tensor([[0.0, -1], [2, -1], [4, -1]]))


@pytest.mark.parametrize("observed", [2 * X, X.clone(), X[torch.tensor([0, 2])]])
def test_what_is_no_view_is_refused(observed):
    with pytest.raises(SiteError, match="'x' a tensor that is neither an argument nor a view"):
        replace_observation(((X,), {}), "x", _node(observed, torch.zeros_like(observed)))


def test_a_factor_cannot_be_drawn():
    node = {"fn": dist.Unit(torch.zeros(3)), "infer": {"obs": X}, "value": X}
    with pytest.raises(SiteError, match="pyro.factor"):
        replace_observation(((X,), {}), "f", node)

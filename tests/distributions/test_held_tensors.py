"""A distribution whose tensors a module holds."""

import pytest
import torch
from torch import distributions, nn

from pyrovae.distributions.held_tensors import HeldTensors
from pyrovae.errors import ConfigError


def nested():
    scale = nn.Parameter(torch.tensor([1.0, 2.0]))
    normal = distributions.Normal(torch.zeros(2), scale)
    return distributions.Independent(normal, 1), scale


def test_tensors_are_registered_by_their_kind():
    fn, scale = nested()
    held = HeldTensors(fn)
    assert dict(held.named_parameters()) == {"base_dist_scale": scale}
    assert set(dict(held.named_buffers())) == {"base_dist_loc"}


def test_it_scores_with_the_tensors_that_it_has_now():
    fn, _ = nested()
    held, other = HeldTensors(fn), HeldTensors(nested()[0])
    with torch.no_grad():
        held.base_dist_loc.add_(3.0)
        held.base_dist_scale.mul_(2.0)
    z = torch.tensor([0.5, -1.0])
    exact = distributions.Normal(torch.full((2,), 3.0), torch.tensor([2.0, 4.0])).log_prob(z).sum()
    torch.testing.assert_close(held().log_prob(z), exact)
    other.load_state_dict(held.state_dict())
    torch.testing.assert_close(other().log_prob(z), exact)
    assert other.double()().log_prob(z.double()).dtype == torch.float64


def test_gradients_reach_the_parameters():
    fn, scale = nested()
    HeldTensors(fn)().log_prob(torch.ones(2)).backward()
    assert scale.grad is not None


def test_a_tensor_that_requires_grad_becomes_a_parameter():
    held = HeldTensors(distributions.Normal(torch.zeros(2, requires_grad=True), 1.0))
    assert set(dict(held.named_parameters())) == {"loc"}


def test_a_computed_tensor_is_refused():
    log_scale = nn.Parameter(torch.zeros(2))
    with pytest.raises(ConfigError, match="the scale of a Normal was computed .* trained once"):
        HeldTensors(distributions.Normal(torch.zeros(2), log_scale.exp()))


@pytest.mark.parametrize("is_parameter", [False, True])
@pytest.mark.parametrize("is_alias", [False, True])
def test_a_tensor_in_two_places_is_one_parameter(is_parameter, is_alias):
    s = torch.ones(2, requires_grad=True)
    s = nn.Parameter(s.detach()) if is_parameter else s
    held = HeldTensors(distributions.Normal(s, s.detach().requires_grad_() if is_alias else s))
    (parameter,) = held.parameters()
    held().log_prob(torch.ones(2)).sum().backward()
    # d/ds of -log s - (1 - s)^2 / (2 s^2) at s = 1
    torch.testing.assert_close(parameter.grad, torch.full((2,), -1.0))


def test_tensors_of_the_same_values_stay_apart():
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    assert len(list(HeldTensors(distributions.Normal(a, b)).parameters())) == 2

"""The norm of the Jacobian against the closed form of one-layer encoders."""

import pytest
import torch
from torch import nn

from pyrovae.nn import ConvEncoder, squared_jacobian

# Rifai et al. (2011), eq. 5: the squared slope of each unit times its row's squared length.
SLOPES = {
    nn.Identity: lambda h: torch.ones_like(h),
    nn.Sigmoid: lambda h: h * (1 - h),
    nn.Tanh: lambda h: 1 - h**2,
}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def _closed_form(net, x):
    slope = SLOPES[type(net[1])](net(x))
    return (slope**2 * net[0].weight.square().sum(-1)).sum(-1)


@pytest.mark.parametrize("activation", SLOPES)
@pytest.mark.parametrize("lead", [(4,), (3, 4)])
def test_value_and_gradient_in_closed_form(activation, lead):
    net = nn.Sequential(nn.Linear(6, 3), activation()).double()
    x = torch.randn(*lead, 6, dtype=torch.float64)
    found, exact = squared_jacobian(net, x, 1, 3), _closed_form(net, x)
    torch.testing.assert_close(found, exact)
    leaves = (net[0].weight,) if activation is nn.Identity else tuple(net.parameters())
    grads = (torch.autograd.grad(f.sum(), leaves, retain_graph=True) for f in (found, exact))
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b)


def test_probes_estimate_it_without_bias():
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh()).double()
    x = torch.randn(1, 6, dtype=torch.float64)
    each = squared_jacobian(net, x.expand(4000, 6), 1, 5, num_probes=1)
    error = (each.mean() - _closed_form(net, x)) / (each.std() / len(each) ** 0.5)
    assert abs(error.item()) < 4.5
    many = squared_jacobian(net, x.expand(4000, 6), 1, 5, num_probes=8)
    assert many.var() < each.var() / 4


def test_of_images_against_autograd():
    net = ConvEncoder((1, 8, 8), (3,), channels=(2,)).double()
    x = torch.rand(2, 1, 8, 8, dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(net, x)
    exact = torch.stack([jacobian[i, :, i].square().sum() for i in range(2)])
    torch.testing.assert_close(squared_jacobian(net, x, 3, 3), exact)


def test_nothing_is_linked_without_gradients():
    net = nn.Linear(3, 2)
    with torch.no_grad():
        assert not squared_jacobian(net, torch.zeros(5, 3), 1, 2).requires_grad

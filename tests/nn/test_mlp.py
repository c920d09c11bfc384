"""The fully connected network maps event to event under any leading axes."""

import pytest
import torch
from torch import nn

from pyrovae.errors import ShapeError
from pyrovae.nn import MLP


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize(
    ("in_shape", "out_shape"), [(4, 2), ((1, 8, 8), (2, 5)), (4, (2, 1, 8, 8)), ((), ())]
)
def test_shapes(lead, in_shape, out_shape):
    net = MLP(in_shape, out_shape, hidden=(6, 5))
    x = torch.zeros(lead + net.in_shape)
    assert net(x).shape == lead + net.out_shape


def test_is_the_formula():
    torch.manual_seed(0)
    net = MLP((2, 3), (2, 2), hidden=(7,), activation=nn.Tanh).double()
    w1, b1, w2, b2 = net.parameters()
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    expected = (torch.tanh(x.flatten(1) @ w1.T + b1) @ w2.T + b2).reshape(5, 2, 2)
    torch.testing.assert_close(net(x), expected)


def test_leading_axes_equal_a_loop():
    torch.manual_seed(0)
    net, x = MLP(4, 3).double(), torch.randn(5, 6, 4, dtype=torch.float64)
    torch.testing.assert_close(net(x), torch.stack([net(x_k) for x_k in x]))


def test_without_hidden_layers_it_is_affine():
    net = MLP(4, 3, hidden=()).double()
    x, y = torch.randn(2, 4, dtype=torch.float64)
    torch.testing.assert_close(net(x + y) + net(torch.zeros_like(x)), net(x) + net(y))


def test_every_parameter_gets_a_gradient():
    torch.manual_seed(0)
    net = MLP(4, 3, hidden=(8, 8))
    net(torch.randn(20, 4)).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in net.parameters())


@pytest.mark.parametrize("shape", [(5, 3), (4, 5), ()])
def test_refuses_another_shape(shape):
    with pytest.raises(ShapeError, match=r"MLP got an input.*should end in \(4,\)"):
        MLP(4, 2)(torch.zeros(shape))

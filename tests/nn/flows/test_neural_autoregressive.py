"""NAF against its formula, and Pyro's transform on the same network."""

import pyro.distributions.transforms as T
import pytest
import torch
from torch.nn import functional as F

from pyrovae.errors import ConfigError
from pyrovae.nn.flows import NeuralAutoregressive

L, U = 3, 4


def away():
    layer = NeuralAutoregressive(L, hidden=(7,), num_units=U).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return layer, torch.randn(50, L).double()


def parts(layer, z):
    a, b, w = layer.network(z, None).unflatten(-1, (L, 3 * U)).split(U, -1)
    return F.softplus(a + torch.log(torch.tensor(torch.e).double() - 1)), b, w


def test_the_formula():
    """y = logit(sum_u w_u sigmoid(a_u z + b_u)), element by element."""
    layer, z = away()
    a, b, w = parts(layer, z)
    exact = (w.softmax(-1) * torch.sigmoid(a * z[..., None] + b)).sum(-1).logit()
    torch.testing.assert_close(layer.condition()(z), exact)


def test_equals_pyros_less_its_constant():
    layer, z = away()

    def network(z):
        a, b, w = parts(layer, z)
        return a.expm1().log().mT, w.mT, b.mT  # before its softplus, in its order

    pyros, ours = T.NeuralAutoregressive(network, hidden_units=U), layer.condition()
    y = ours(z)
    torch.testing.assert_close(y, pyros(z))
    found = pyros.log_abs_det_jacobian(z, pyros(z))
    torch.testing.assert_close(ours.log_abs_det_jacobian(z, y), found, rtol=1e-6, atol=1e-6)


def test_far_from_zero_it_still_rises():
    """Where the sigmoids are one, or zero, in float32."""
    layer = NeuralAutoregressive(1)
    z = torch.tensor([[-80.0], [-40.0], [40.0], [80.0]], requires_grad=True)
    flow = layer.condition()
    y = flow(z)
    (slope,) = torch.autograd.grad(y.sum(), z, retain_graph=True)
    assert (slope > 0.1).all() and (y.diff(dim=0) > 1).all()
    torch.testing.assert_close(flow.log_abs_det_jacobian(z, y), slope[:, 0].log())


def test_units_differ_from_the_start():
    layer = NeuralAutoregressive(L, num_units=U)
    _, shift, _ = layer.network.last.bias.unflatten(0, (L, 3 * U)).split(U, -1)
    assert (shift.std(-1) > 0.05).all()


def test_no_units():
    with pytest.raises(ConfigError, match="num_units=0"):
        NeuralAutoregressive(3, num_units=0)

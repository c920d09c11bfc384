"""IAF against its formulas, and Pyro's transform on the same network."""

from functools import partial

import pyro.distributions.transforms as T
import pytest
import torch

from pyrovae.nn.flows import InverseAutoregressive

L = 4


def away(**options):
    layer = InverseAutoregressive(L, 2, hidden=(7,), **options).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    context, z = torch.randn(3, 2).double(), torch.randn(5, 3, L).double()
    params = layer.network(z, layer.network.given(context)).unflatten(-1, (L, 2))
    return layer, context, z, params


def pyros(layer, context, **options):
    """Pyro's transform, which asks its network for means and scales [..., L]."""

    def network(z):
        params = layer.network(z, layer.network.given(context))
        return params.unflatten(-1, (L, 2)).unbind(-1)

    network.permutation = torch.arange(L)
    return T.AffineAutoregressive(network, **options)


@pytest.mark.parametrize("gated", [True, False])
def test_equals_pyros(gated):
    layer, context, z, _ = away(gated=gated)
    one, other = layer.condition(context), pyros(layer, context, stable=gated)
    y = one(z)
    torch.testing.assert_close(y, other(z))
    log_det = one.log_abs_det_jacobian(z, y)
    torch.testing.assert_close(log_det, other.log_abs_det_jacobian(z, other(z)))


def test_log_det_is_the_sum_of_log_scales():
    layer, context, z, params = away()
    transform = layer.condition(context)
    y = transform(z)
    scale = torch.sigmoid(params[..., 1] + 2)
    torch.testing.assert_close(y, scale * z + (1 - scale) * params[..., 0])
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, y), scale.log().sum(-1))


@pytest.mark.parametrize("hidden", [(), (7,), (3, 9)])
def test_no_element_sees_those_after_it(hidden):
    layer = InverseAutoregressive(L, hidden=hidden).double()
    matrix = torch.autograd.functional.jacobian(layer.condition(), torch.randn(L).double())
    assert (matrix.triu(1) == 0).all()
    assert (matrix.tril() != 0).sum() == L * (L + 1) / 2


def test_the_log_scale_is_bounded_and_its_gradient_is_not():
    """A draw stays finite where the network runs away, and the way back stays open."""
    for gated, sign in ((False, 1), (False, -1), (True, -1)):
        layer = InverseAutoregressive(L, hidden=(), gated=gated).double()
        with torch.no_grad():
            layer.network.last.bias.fill_(sign * 1000.0)
        z = torch.ones(L).double()
        transform = layer.condition()
        y = transform(z)
        log_det = transform.log_abs_det_jacobian(z, y)
        bound = 3.0 if sign > 0 else -5.0
        low = torch.nn.functional.logsigmoid(torch.tensor(-5.0).double()) if gated else bound
        torch.testing.assert_close(log_det / L, torch.as_tensor(low).double())
        log_det.backward()
        assert (layer.network.last.bias.grad.unflatten(0, (L, 2))[:, 1] > 0.9).all()
        torch.testing.assert_close(layer.condition().inv(y), z, rtol=1e-6, atol=1e-6)


def test_affine_is_any_triangular_matrix():
    """With no hidden layer and free scales the flow of a normal is a normal."""
    layer = partial(InverseAutoregressive, hidden=(), gated=False)(3).double()
    with torch.no_grad():
        layer.network.last.weight.mul_(20)
        for i in range(3):  # the scales do not depend on z
            layer.network.last.weight[2 * i + 1] = 0
    flow = layer.condition()
    z = torch.randn(6, 3).double()
    matrix = torch.autograd.functional.jacobian(flow, z[0])
    torch.testing.assert_close(flow(z), (z - z[0]) @ matrix.T + flow(z[:1]))

"""The planar flow against its formulas, and Pyro's."""

import torch
from pyro.distributions.transforms.planar import ConditionedPlanar

from pyrovae.nn.flows import Planar


def away(dim=3, context_dim=2, scale=1.0):
    layer = Planar(dim, context_dim).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return layer, torch.randn(4, context_dim).double(), torch.randn(5, 4, dim).double()


def test_log_det_is_that_of_the_paper():
    """log |1 + u_hat' psi(z)| with psi(z) = tanh'(w'z + b) w."""
    layer, context, z = away()
    transform = layer.condition(context)
    y = transform(z)
    w, b, u = layer.w(context), layer.b(context)[:, 0], transform.u_hat
    inner = (z * w).sum(-1) + b
    torch.testing.assert_close(y, z + u * torch.tanh(inner)[..., None])
    psi = (1 - torch.tanh(inner) ** 2)[..., None] * w
    exact = (1 + (psi * u).sum(-1)).abs().log()
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, y), exact)


def test_equals_pyros_of_a_shifted_u():
    layer, context, z = away()
    transform = layer.condition(context)
    u, w, b = layer.u(context), layer.w(context), layer.b(context)
    shift = torch.log(torch.tensor(torch.e).double() - 1)
    pyros = ConditionedPlanar((b, u + shift * w / w.square().sum(-1, keepdim=True), w))
    y = transform(z)
    torch.testing.assert_close(pyros(z), y)
    exact = pyros.log_abs_det_jacobian(z, pyros(z))
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, y), exact)


def test_is_invertible_whatever_the_parameters():
    """w'u_hat > -1, so that z grows along w, however the parameters lie."""
    layer, context, z = away(scale=30.0)
    transform = layer.condition(context)
    assert (transform.stretch > -1).all()
    inner = (transform.w * transform.u_hat).sum(-1)
    torch.testing.assert_close(inner, transform.stretch, rtol=1e-6, atol=1e-6)
    y = transform(z)
    assert transform.log_abs_det_jacobian(z, y).isfinite().all()


def test_no_direction_is_no_map():
    """Where w vanishes, nothing divides by its length."""
    layer, context, z = away()
    with torch.no_grad():
        layer.w.weight.zero_()
        layer.w.bias.zero_()
    transform = layer.condition(context)
    y = transform(z)
    (y.sum() + transform.log_abs_det_jacobian(z, y).sum()).backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, y), torch.zeros(5, 4).double())

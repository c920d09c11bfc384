"""The radial flow against Pyro's, and its inverse, which Pyro lacks."""

import pytest
import torch
from pyro.distributions.transforms.radial import ConditionedRadial

from pyrovae.nn.flows import Radial


@pytest.mark.parametrize("dim", [1, 2, 5])
@pytest.mark.parametrize("scale", [0.1, 1.0, 5.0])
def test_equals_pyros_and_inverts_it(dim, scale):
    layer = Radial(dim, 2).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    context, z = torch.randn(4, 2).double(), 3 * torch.randn(50, 4, dim).double()
    z[0] = layer.centre(context)
    z[1] = layer.centre(context) + 1e-9
    pyros = ConditionedRadial((layer.centre(context), layer.alpha(context), layer.beta(context)))
    transform = layer.condition(context)
    y = transform(z)
    torch.testing.assert_close(y, pyros(z))
    exact = pyros.log_abs_det_jacobian(z, pyros(z))
    torch.testing.assert_close(transform.log_abs_det_jacobian(z, y), exact)
    fresh = layer.condition(context)
    torch.testing.assert_close(fresh.inv(y), z, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(
        fresh.log_abs_det_jacobian(fresh.inv(y), y), exact, rtol=1e-6, atol=1e-7
    )


def test_far_away_it_only_shifts():
    layer = Radial(2).double()
    z = torch.tensor([[1e9, 0.0]]).double()
    transform = layer.condition()
    torch.testing.assert_close(transform(z) - z, torch.zeros(1, 2).double(), atol=1.0, rtol=0)
    assert transform.log_abs_det_jacobian(z, transform(z)).abs() < 1e-8

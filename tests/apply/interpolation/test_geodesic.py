"""Geodesics and metrics against decoders whose geometry is known in closed form."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.apply.interpolation.curves import bent, spherical, straight
from pyrovae.apply.interpolation.decoder import Decoder
from pyrovae.apply.interpolation.geodesic import FINE, geodesic
from pyrovae.apply.interpolation.metric import energy, length, metric_at
from pyrovae.errors import SiteError

F64 = torch.float64


def decoder(f, data_dim, likelihood=lambda loc: dist.Normal(loc, 1.0), rows=2, latent=2):
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(latent), 1.0).to_event(1))
            pyro.sample("x", likelihood(f(z)).to_event(1), obs=x)

    return Decoder(model, (torch.zeros(rows, data_dim, dtype=F64),), "z")


def polar(z):
    """Radius and angle to the plane: flat, and geodesics are straight lines of the plane."""
    return torch.stack([z[..., 0] * z[..., 1].cos(), z[..., 0] * z[..., 1].sin()], -1)


def globe(z):
    """Latitude and longitude to the unit sphere."""
    up, around = z[..., 0], z[..., 1]
    return torch.stack([up.cos() * around.cos(), up.cos() * around.sin(), up.sin()], -1)


def found(f, data_dim, first, last, **settings):
    first, last = (torch.tensor(e, dtype=F64) for e in (first, last))
    one = decoder(f, data_dim, rows=len(first))
    made = geodesic(one, first, last, "mean", **settings)
    line = length(one, straight(first, last, FINE), FINE, "mean")
    return one, bent(first, last, made, FINE), line


def test_a_linear_decoder_has_straight_geodesics():
    weight = torch.tensor([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]], dtype=F64)
    ends = [[1.0, 2.0], [0.3, -1.0]], [[-1.0, 0.5], [0.2, 4.0]]
    one, curve, line = found(lambda z: z @ weight.T, 3, *ends)
    first, last = (torch.tensor(e, dtype=F64) for e in ends)
    torch.testing.assert_close(curve, straight(first, last, FINE), atol=1e-6, rtol=0)
    torch.testing.assert_close(line, ((last - first) @ weight.T).norm(dim=-1))


def test_the_polar_map_has_the_lines_of_the_plane():
    ends = [[1.0, 0.0], [2.0, -0.5]], [[1.0, 2.0], [0.7, 1.2]]
    one, curve, line = found(polar, 2, *ends)
    points = [polar(torch.tensor(e, dtype=F64)) for e in ends]
    exact = (points[1] - points[0]).norm(dim=-1)
    lengths = length(one, curve, FINE, "mean")
    torch.testing.assert_close(lengths, exact, rtol=1e-4, atol=0)
    assert (lengths < 0.99 * line).all()
    # At even speed: the energy is the squared length, and the decoded points lie evenly.
    torch.testing.assert_close(energy(one, curve, FINE, "mean"), exact**2, rtol=1e-3, atol=0)
    decoded, t = one.mean(curve, FINE), FINE
    torch.testing.assert_close(decoded, straight(*points, t), atol=2e-2, rtol=0)


def test_the_globe_has_great_circles():
    ends = [[0.8, -0.9], [0.2, 0.0]], [[0.7, 1.0], [-0.4, 1.5]]
    one, curve, line = found(globe, 3, *ends)
    points = [globe(torch.tensor(e, dtype=F64)) for e in ends]
    exact = torch.acos((points[0] * points[1]).sum(-1))
    lengths = length(one, curve, FINE, "mean")
    torch.testing.assert_close(lengths, exact, rtol=2e-4, atol=0)
    assert (lengths < line).all()
    torch.testing.assert_close(one.mean(curve, FINE), spherical(*points, FINE), atol=1e-2, rtol=0)


def test_a_geodesic_is_never_longer_than_the_line():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 30), nn.Tanh(), nn.Linear(30, 6)).double()
    with torch.no_grad():
        net[0].weight *= 5
    one = decoder(net, 6, rows=20)
    first, last = torch.randn(2, 20, 2, dtype=F64)
    line = length(one, straight(first, last, FINE), FINE, "mean")
    for steps in (1, 50):
        curve = bent(first, last, geodesic(one, first, last, "mean", num_steps=steps), FINE)
        share = length(one, curve, FINE, "mean") / line
        assert (share <= 1 + 1e-12).all()
    assert share.mean() < 0.97


def jacobian(f, z):
    return torch.stack([torch.autograd.functional.jacobian(f, row) for row in z])


NET = nn.Sequential(nn.Linear(2, 9), nn.ReLU(), nn.Linear(9, 4)).double()


@pytest.mark.parametrize("f", [polar, globe, NET])
def test_the_metric_is_that_of_the_jacobian(f):
    z = torch.randn(3, 2, dtype=F64)
    jacobians = jacobian(f, z)
    found = metric_at(decoder(f, jacobians.shape[1], rows=3), z, "mean")
    torch.testing.assert_close(found, jacobians.mT @ jacobians)


def test_moments_add_the_deviations():
    z = torch.randn(3, 2, dtype=F64)
    one = decoder(lambda z: z, 2, lambda z: dist.Normal(z.sin(), z.square()), rows=3)
    found = metric_at(one, z, "moments")
    exact = torch.diag_embed(z.cos().square() + 4 * z.square())
    torch.testing.assert_close(found, exact)


def test_fisher_is_the_information_and_its_lengths_are_arcs():
    z = torch.randn(3, 2, dtype=F64)
    one = decoder(lambda z: z, 2, lambda logits: dist.Bernoulli(logits=logits), rows=3)
    p = z.sigmoid()
    torch.testing.assert_close(metric_at(one, z, "fisher"), torch.diag_embed(p * (1 - p)))
    # The Fisher-Rao length between two Bernoullis is 2 |arcsin sqrt p - arcsin sqrt p'|.
    last = torch.cat([-z[:, :1], z[:, 1:]], -1)
    found = length(one, straight(z, last, FINE), FINE, "fisher")
    arcs = 2 * (p[:, 0].sqrt().asin() - last[:, 0].sigmoid().sqrt().asin()).abs()
    torch.testing.assert_close(found, arcs, rtol=1e-4, atol=0)
    # Of a normal of fixed scale it is the distance of the means over the scale.
    one = decoder(lambda z: z, 2, lambda loc: dist.Normal(loc, 0.5), rows=3)
    found = length(one, straight(z, last, FINE), FINE, "fisher")
    torch.testing.assert_close(found, (last - z).norm(dim=-1) / 0.5)


def test_fisher_geodesics_of_normals_are_hyperbolic():
    one = decoder(lambda z: z, 1, lambda z: dist.Normal(z[..., :1], z[..., 1:].exp()), rows=1)
    first, last = torch.tensor([[[-1.0, 0.0]], [[1.0, 0.0]]], dtype=F64)
    curve = bent(first, last, geodesic(one, first, last, "fisher"), FINE)
    exact = math.sqrt(2) * math.acosh(1 + (2.0**2 / 2) / 2)  # Costa et al. (2015), eq. 4
    assert float(length(one, curve, FINE, "fisher")) == pytest.approx(exact, rel=1e-3)


def test_an_unknown_divergence_is_told():
    one = decoder(lambda z: z, 2, lambda z: dist.StudentT(3.0, z), rows=1)
    with pytest.raises(SiteError, match="two StudentT is not known.*metric='mean'"):
        metric_at(one, torch.zeros(1, 2, dtype=F64), "fisher")

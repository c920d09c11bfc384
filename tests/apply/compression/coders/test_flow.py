"""Flows by local bits-back coding: the cost of the density, up to the square of the blur."""

import math

import pyro.distributions as dist
import pyro.distributions.transforms as T
import pytest
import torch
import zuko

from pyrovae.apply.compression.coders.flow import FlowCoder
from pyrovae.distributions.as_pyro import as_pyro
from pyrovae.errors import InverseError
from pyrovae.nn import flows
from tests.oracles import z_scores

from ..coding import on_lattice, popped_and_pushed, pushed_and_popped

COUNT, DIM = 200, 3
BASE = dist.Normal(torch.zeros(COUNT, DIM).double(), 1.0).to_event(1)


def _flow(layer):
    torch.manual_seed(0)
    made = layer(DIM, 0).double().eval()
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return dist.TransformedDistribution(BASE, [made.condition(None)])


def _zuko():
    torch.manual_seed(0)
    return as_pyro(zuko.flows.NSF(DIM, transforms=2).double()().expand([COUNT]))


def _affine():
    return dist.TransformedDistribution(
        BASE,
        [T.AffineTransform(torch.ones(DIM).double(), torch.tensor([0.1, 2.0, 30.0]).double())],
    )


KINDS = {
    "affine": _affine,
    "exponential": lambda: dist.TransformedDistribution(BASE, [T.ExpTransform()]),
    "coupling": lambda: _flow(flows.AffineCoupling),
    "masked": lambda: _flow(flows.MaskedAutoregressive),
    "inverse": lambda: _flow(flows.InverseAutoregressive),
    "of zuko": _zuko,
}
STEP, BASE_STEP = -12, -16


@torch.no_grad()
@pytest.mark.parametrize("name", KINDS)
def test_bits_are_those_of_the_density_times_the_cell(name):
    fn = KINDS[name]()
    value, bits = popped_and_pushed(fn, step=STEP, base=BASE_STEP)
    gaps = bits - (-fn.log_prob(value) / math.log(2) - DIM * STEP)
    assert gaps.abs().quantile(0.9) < 0.2
    assert z_scores(gaps, 0.0).abs() < 4
    torch.manual_seed(1)
    value = on_lattice(fn.sample(), STEP)
    gaps = pushed_and_popped(fn, value, step=STEP, base=BASE_STEP) + fn.log_prob(value) / math.log(
        2
    )
    assert abs(float((gaps + DIM * STEP).median())) < 0.05


def test_widths_of_a_linear_flow_are_exact():
    fn = _affine()
    found = FlowCoder.widths(fn, fn.sample())
    torch.testing.assert_close(found[0], torch.tensor([0.1, 2.0, 30.0]).double())


@pytest.mark.parametrize("layer", [flows.Planar, flows.NeuralAutoregressive])
def test_a_flow_without_an_inverse(layer):
    with pytest.raises(InverseError, match="site 'z' is a flow without an inverse"):
        popped_and_pushed(_flow(layer))


def test_planar_of_pyro():
    fn = dist.TransformedDistribution(BASE, [T.planar(DIM).double()])
    with pytest.raises(InverseError, match="without an inverse"):
        popped_and_pushed(fn)

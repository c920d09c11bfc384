"""Independent normals."""

import math

import pyro.distributions as dist
import pytest
import torch

from pyrovae.apply.compression.coders.normals import Normals
from pyrovae.errors import NonFiniteError

from ..coding import on_lattice, popped_and_pushed, pushed_and_popped, random_stack

LOC = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)).double()
SCALE = torch.logspace(-2.5, 1.5, 5).double().expand(40, 5)
FN = dist.Normal(LOC, SCALE).to_event(1)


@pytest.mark.parametrize("step", [-6, -12, -30])
def test_bits_are_those_of_the_density_times_the_cell(step):
    """With 16 parts of a cell the density is constant over a 16th of a standard deviation."""
    value, bits = popped_and_pushed(FN, step=step)
    if 2.0**step > 0.1 * float(SCALE.min()):
        return
    gaps = bits - (-FN.log_prob(value) / math.log(2) - 5 * step)
    assert gaps.abs().max() < 0.2 and abs(float(gaps.mean())) < 0.02


def test_what_is_popped_is_drawn():
    fn = dist.Normal(torch.full((4000, 2), 0.3).double(), torch.tensor([0.1, 5.0]).double())
    value, _ = popped_and_pushed(fn.to_event(1))
    z = (value - 0.3) / torch.tensor([0.1, 5.0])
    assert (z.mean(0).abs() < 4 / 4000**0.5).all()
    assert ((z.var(0) - 1).abs() < 4 * (2 / 4000) ** 0.5).all()


@pytest.mark.parametrize("far", [3.0, 50.0, 1e9])
def test_any_value_is_coded(far):
    value = on_lattice(LOC + far)
    bits = pushed_and_popped(FN, value)
    if far == 3.0:
        wide = SCALE[0] >= 0.5  # of which 3 is not far
        assert (bits < 24 * 5 + 5 * (4 + 70)).all() and wide.any()


def test_too_far_is_told():
    with pytest.raises(NonFiniteError, match="too large"):
        pushed_and_popped(FN, on_lattice(LOC + 1e300))


def test_a_normal_far_narrower_than_the_lattice():
    fn = dist.Normal(LOC, torch.full_like(LOC, 1e-9)).to_event(1)
    value, bits = popped_and_pushed(fn)
    assert (value - LOC).abs().max() <= 2.0**-6
    assert bits.max() < 5.01


def test_values_outside_of_the_cells_are_written_out():
    normals = Normals(LOC.numpy(), SCALE.numpy() * 0 + 100, is_open=True)
    stack, _ = random_stack()
    stack.start(40)
    index = LOC.numpy().astype(int) + 10**6
    normals.push(stack, index)
    assert (normals.pop(stack) == index).all()


def test_parameters_that_are_no_numbers():
    with pytest.raises(NonFiniteError, match="site 'z'"):
        popped_and_pushed(dist.Normal(LOC * torch.nan, SCALE, validate_args=False).to_event(1))

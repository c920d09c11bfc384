"""Any continuous elements, by their density."""

import math

import pyro.distributions as dist
import pytest
import torch

from ..coding import on_lattice, popped_and_pushed, pushed_and_popped

SHIFT = torch.randn(400, 3, generator=torch.Generator().manual_seed(0)).double()
ONES = torch.ones_like(SHIFT)
KINDS = {
    "Laplace": (dist.Laplace(SHIFT, 0.5 * ONES), 0.02),
    "Student": (dist.StudentT(5 * ONES, SHIFT, ONES), 0.02),
    "Cauchy": (dist.Cauchy(SHIFT, ONES), 0.2),
    "Gumbel": (dist.Gumbel(SHIFT, 0.7 * ONES), 0.02),
    "gamma": (dist.Gamma(3 * ONES, SHIFT.exp()), 0.02),
    "log-normal": (dist.LogNormal(SHIFT / 3, 0.5 * ONES), 0.02),
    "beta": (dist.Beta(3 * ONES, 2 * ONES), 0.02),
    "uniform": (dist.Uniform(0 * ONES, ONES), 0.001),
    "mixture": (
        dist.MixtureSameFamily(
            dist.Categorical(logits=torch.zeros(400, 3, 2).double()),
            dist.Normal(torch.stack([SHIFT, SHIFT + 3], -1), 0.5),
        ),
        0.03,
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_bits_are_those_of_the_density_times_the_cell(name):
    fn, tolerance = KINDS[name]
    fn = fn.to_event(1)
    value, bits = popped_and_pushed(fn, step=-12)
    assert torch.isfinite(fn.log_prob(value)).all()
    gaps = bits - (-fn.log_prob(value) / math.log(2) + 3 * 12)
    assert float(gaps.abs().quantile(0.9)) < 3 * tolerance
    assert abs(float(gaps.mean())) < tolerance


@pytest.mark.parametrize("name", KINDS)
def test_values_from_elsewhere(name):
    fn = KINDS[name][0].to_event(1)
    torch.manual_seed(0)
    value = on_lattice(fn.sample(), -12)
    bits = pushed_and_popped(fn, value, step=-12)
    gaps = bits - (-fn.log_prob(value) / math.log(2) + 3 * 12)
    assert abs(float(gaps.median())) < max(0.05, KINDS[name][1])
    if name not in ("uniform", "beta"):
        pushed_and_popped(fn, on_lattice(value.abs() + 1000, -12), step=-12)

"""Mixtures: the cost of log-sum-exp, not of the component that was drawn."""

import math

import pyro.distributions as dist
import pytest
import torch

from pyrovae.distributions.mixture import Mixture
from pyrovae.distributions.normal_mixture import NormalMixture

from ..coding import on_lattice, popped_and_pushed, pushed_and_popped

RNG = torch.Generator().manual_seed(0)
LOCS = torch.randn(200, 3, 2, generator=RNG).double()
SCALES = torch.rand(200, 3, 2, generator=RNG).double() + 0.3
LOGITS = torch.randn(200, 3, generator=RNG).double()
TRIL = torch.diag_embed(SCALES[0]) + torch.randn(3, 2, 2, generator=RNG).double().tril(-1)

KINDS = {
    "of a batch": NormalMixture(LOCS, SCALES, LOGITS),
    "of Pyro": dist.MixtureOfDiagNormals(LOCS, SCALES, LOGITS),
    "of one scale": dist.MixtureOfDiagNormalsSharedCovariance(LOCS, SCALES[:, 0], LOGITS),
    "of torch": dist.MixtureSameFamily(
        dist.Categorical(logits=LOGITS), dist.Normal(LOCS, SCALES).to_event(1)
    ),
    "of a prior": Mixture(LOGITS[0], dist.Normal(LOCS[0], SCALES[0]).to_event(1)).expand([200]),
    "of full normals": Mixture(
        LOGITS[0], dist.MultivariateNormal(LOCS[0], scale_tril=TRIL)
    ).expand([200]),
    "of low rank": Mixture(
        LOGITS[0],
        dist.LowRankMultivariateNormal(LOCS[0], SCALES[0][..., None], SCALES[0]),
    ).expand([200]),
    "of Laplaces": Mixture(LOGITS[0], dist.Laplace(LOCS[0], SCALES[0]).to_event(1)).expand([200]),
}


@pytest.mark.parametrize("name", KINDS)
def test_bits_are_those_of_the_mixture(name):
    fn = KINDS[name]
    value, bits = popped_and_pushed(fn, step=-10)
    exact = -fn.log_prob(value) / math.log(2) + 2 * 10
    torch.testing.assert_close(bits, exact, rtol=0, atol=0.3)
    assert (bits - exact).mean().abs() < 0.01
    torch.manual_seed(0)
    value = on_lattice(fn.sample(), -10)
    gaps = pushed_and_popped(fn, value, step=-10) + fn.log_prob(value) / math.log(2) - 2 * 10
    assert gaps.abs().median() < 0.05

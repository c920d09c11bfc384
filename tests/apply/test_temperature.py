"""Draws nearer to the mean, or further off."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.apply.temperature import tempered
from pyrovae.errors import ConfigError, SiteError


def test_a_normal_has_so_many_times_its_deviation():
    fn = dist.Normal(torch.full((20_000,), 3.0), 0.5)
    pyro.set_rng_seed(0)
    for temperature in (0.5, 3.0):
        z = tempered(temperature, "this")("z", fn)
        assert abs(float(z.std()) / (0.5 * temperature) - 1) < 4 / (2 * 20_000) ** 0.5
        assert abs(float(z.mean()) - 3) < 4 * 0.5 * temperature / 20_000**0.5
    assert torch.equal(tempered(0.0, "this")("z", fn), fn.mean)


def test_one_draws_and_discrete_latents_are_drawn():
    assert tempered(1.0, "this") is None
    assert tempered(0.0, "this")("c", dist.Categorical(torch.ones(3))) is None


def test_refusals():
    with pytest.raises(ConfigError, match="this got temperature=-1"):
        tempered(-1.0, "this")
    flow = dist.TransformedDistribution(
        dist.Normal(torch.zeros(2), 1.0), [dist.transforms.TanhTransform()]
    )
    with pytest.raises(SiteError, match="latent 'z'.*TransformedDistribution.*temperature=1"):
        tempered(0.0, "this")("z", flow)

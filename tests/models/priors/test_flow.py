"""Flows as priors: layers, and those that will not do."""

from functools import partial

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.models import FlowPrior, NormalPrior, StandardNormal, VampPrior
from pyrovae.nn.flows import AffineCoupling, Permutation, chain

from .test_vamp import OneWay


def test_starts_near_its_base():
    torch.manual_seed(0)
    z = torch.randn(200, 4)
    apart = FlowPrior(4)().log_prob(z) - StandardNormal(4)().log_prob(z)
    assert apart.abs().mean() < 0.3


def test_has_layers_and_mixing_between_them():
    prior = FlowPrior(4, num_layers=3, mixing=partial(Permutation, order="reversed"))
    assert [type(layer) for layer in prior.flow.layers] == [
        AffineCoupling, Permutation, AffineCoupling, Permutation, AffineCoupling
    ]  # fmt: skip
    plain = FlowPrior(4, num_layers=2, mixing=None)
    assert [type(layer) for layer in plain.flow.layers] == [AffineCoupling] * 2
    assert all(layer.context_dim == 0 for layer in prior.flow.layers)


def test_a_chain_for_a_layer_and_a_base():
    two = chain(AffineCoupling, partial(AffineCoupling, hidden=(3,)))
    prior = FlowPrior(4, layer=two, num_layers=2, base=NormalPrior)
    prior().log_prob(torch.randn(5, 4)).sum().backward()
    assert all(parameter.grad is not None for parameter in prior.parameters())


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"layer": OneWay}, "only score their own draws.*AffineCoupling"),
        ({"layer": chain(AffineCoupling, OneWay)}, "only score their own draws"),
        ({"base": VampPrior}, "a base made of posteriors"),
        ({"num_layers": 0}, "num_layers=0"),
    ],
)
def test_what_will_not_do(options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        FlowPrior(4, **options)


def test_one_latent_cannot_be_split():
    with pytest.raises(ConfigError, match="AffineCoupling got dim=1"):
        FlowPrior(1)

"""Tensors of a pair are found by the way to them, and nothing of it is run."""

import pyro
import pytest
import torch
from pyro.distributions import constraints
from pyro.infer.autoguide import AutoDiagonalNormal, AutoGuideList, AutoNormal
from pyro.nn import PyroModule, PyroParam
from torch import nn

from pyrovae.models import VAE
from pyrovae.particles.held_tensors import held_tensors


def names(model, guide):
    return sorted(held_tensors(model, guide).tensors)


def programs(encoder, decoder):
    def model(x):
        return decoder(x)

    def guide(x):
        return encoder(x)

    return model, guide


def test_names_tell_the_way():
    one, two = nn.Linear(2, 2), nn.Linear(2, 2)
    assert names(*programs(one, two)) == [
        "guide.encoder.bias", "guide.encoder.weight", "model.decoder.bias", "model.decoder.weight",
    ]  # fmt: skip
    vae = VAE((6,), 2)
    assert names(vae.model, vae.guide) == sorted(vae.state_dict())
    assert names(one, two) == ["guide.bias", "guide.weight", "model.bias", "model.weight"]


def test_a_tensor_of_several_names_comes_once():
    net = nn.Linear(2, 2)
    assert names(*programs(net, net)) == ["model.decoder.bias", "model.decoder.weight"]
    other = nn.Linear(2, 2)
    other.weight = net.weight
    assert names(*programs(other, net)) == [
        "guide.encoder.bias", "model.decoder.bias", "model.decoder.weight",
    ]  # fmt: skip


class Plain:
    def __init__(self):
        self.nets = {"a": [nn.Linear(2, 2, bias=False)], 3: nn.Linear(2, 2, bias=False)}
        self.w = nn.Parameter(torch.zeros(2))

    def model(self, x):
        return x

    guide = model


def test_what_a_plain_object_holds_is_found():
    made = Plain()
    assert names(made.model, made.guide) == ["nets['a'][0].weight", "nets[3].weight", "w"]


def test_buffers_are_saved_as_torch_does():
    net = nn.Sequential(nn.BatchNorm1d(2))
    net.register_buffer("cache", torch.zeros(2), persistent=False)
    net.register_buffer("nothing", None)
    found = held_tensors(*programs(net, net))
    assert sorted(found.tensors) == [f"model.decoder.{name}" for name in sorted(net.state_dict())]
    assert list(found.transient) == ["model.decoder.cache"]


def test_names_do_not_collide():
    inner, outer = nn.Linear(1, 1, bias=False), nn.Module()
    outer.decoder = nn.Linear(1, 1, bias=False)

    def model(x, decoder=inner):  # and a global of the same name in a function inside
        return outer, decoder

    assert len(names(model, model)) == 2


def test_constraints_are_told():
    module = PyroModule()
    module.scale = PyroParam(torch.ones(2), constraints.positive)
    module.weight = nn.Parameter(torch.ones(2))
    found = held_tensors(*programs(module, module))
    assert found.constraints == {"model.decoder.scale_unconstrained": constraints.positive}


class Lazy(PyroModule):
    @PyroParam
    def scale(self):
        return torch.ones(2)

    def forward(self, x):
        return x * self.scale


def model(x):
    with pyro.plate("data", len(x)):
        return pyro.sample("z", pyro.distributions.Normal(x[:, 0], 1.0))


def test_what_is_made_by_the_first_run_is_told():
    guides = AutoGuideList(model)
    guides.append(AutoNormal(model))
    for guide, words in (
        (AutoNormal(model), "the AutoNormal 'guide'"),
        (AutoDiagonalNormal(model), "the AutoDiagonalNormal 'guide'"),
        (guides, "the AutoNormal 'guide.0'"),
        (Lazy(), "'scale' of Lazy 'guide'"),
    ):
        assert words in held_tensors(model, guide).unready
        guide(torch.zeros(3, 1))
        assert held_tensors(model, guide).unready == []
    assert held_tensors(model, nn.LazyLinear(2)).lazy == [
        "'guide.weight' of LazyLinear", "'guide.bias' of LazyLinear",
    ]  # fmt: skip


@pytest.mark.parametrize("wrapped", [False, True])
def test_compiled_networks_have_the_same_names(wrapped):
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    if wrapped:
        net[0] = torch.compile(net[0], backend="eager")
    net = torch.compile(net, backend="eager")
    assert not any("_orig_mod" in name for name in names(*programs(net, net)))
    assert "model.decoder.0.weight" in names(*programs(net, net))

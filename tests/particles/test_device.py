"""Where a pair lies is found, however it declares its parameters, by data that lie elsewhere."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.nn import PyroModule, PyroParam
from torch import nn

from pyrovae.models import VAE
from pyrovae.particles.device import device_of, to_device_of

X = torch.ones(3, 4)


@pytest.fixture(autouse=True)
def accelerator(monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)


def by_functions():
    decoder = nn.Linear(2, 4).to("meta")

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        loc = pyro.param("loc", torch.zeros(2, device="meta"))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x[:, :2] + loc, 1.0).to_event(1))

    return model, guide


def by_a_guide_without_parameters():
    model, _ = by_functions()

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x[:, :2], 1.0).to_event(1))

    return model, guide


class Program(PyroModule):
    def __init__(self):
        super().__init__()
        self.scale = PyroParam(torch.ones(2), constraint=dist.constraints.positive)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x[:, :2], self.scale).to_event(1))


def by_modules():
    return Program().to("meta"), Program().to("meta")


def by_a_family():
    vae = VAE((4,), 2).to("meta")
    return vae.model, vae.guide


PAIRS = [by_functions, by_a_guide_without_parameters, by_modules, by_a_family]


@pytest.mark.parametrize("local", [False, True])
@pytest.mark.parametrize("make", PAIRS)
def test_is_where_the_parameters_are(make, local):
    pyro.clear_param_store()
    with pyro.settings.context(module_local_params=local):
        model, guide = make()
        assert device_of(model, guide, (X,)) == torch.device("meta")


def test_parameters_made_of_the_arguments_do_not_tell():
    pyro.clear_param_store()
    encoder = nn.Linear(4, 2).to("meta")

    def guide(x):
        scale = pyro.param("scale", x.new_ones(2))  # on the CPU, where x is
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(encoder(x), scale).to_event(1))

    assert device_of(guide, guide, (X,)) == torch.device("meta")


def test_nothing_is_disturbed():
    model, guide = by_functions()
    seen = []
    state = torch.get_rng_state()
    with pyro.poutine.trace() as recorder:
        device_of(model, lambda x: (torch.rand(3), seen.append(x), guide(x)), (X,))
    assert len(seen) == 1 and not recorder.trace.nodes
    assert torch.equal(torch.get_rng_state(), state)


def test_a_pair_without_parameters_has_no_device():
    def program(x):
        pyro.sample("z", dist.Normal(x, 1.0).to_event(2))

    assert device_of(program, program, (X,)) is None


def test_arguments_are_moved_to_the_device_of_the_pair(monkeypatch):
    pair = [lambda x, *_, program=program: program(x) for program in by_functions()]
    moved = to_device_of(*pair, (X, "word", [X]))
    assert moved[0].is_meta and moved[1] == "word" and moved[2][0].is_meta
    assert to_device_of(lambda x: None, lambda x: None, (X,))[0] is X
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    assert to_device_of(*pair, (X, "word"))[0] is X

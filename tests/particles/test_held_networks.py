"""Networks are found wherever a program keeps them, and it is not run for that."""

from functools import partial, wraps
from types import SimpleNamespace

import pytest
import torch
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule
from torch import nn

from pyrovae.particles.held_networks import held_networks, is_compiled

NET, OTHER = nn.Linear(3, 2), nn.Linear(2, 3)
HOLDER = SimpleNamespace(parts=SimpleNamespace(net=NET))


class Plain:
    def __init__(self, net):
        self.nets = {"encoder": [net]}

    def model(self, x):
        return self.nets["encoder"][0](x)

    def indirect(self, x):
        return OTHER(x)


class Own(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net
        self.hidden = [nn.ReLU()]  # not registered

    def model(self, x):
        return self.net(x)


def named(x):
    return NET(x)


def helper(x):
    return named(x)


def inner(x):
    return [NET(part) for part in x]


def kept_in_objects(x):
    return HOLDER.parts.net(x)


def default(x, net=NET):
    return net(x)


def closure(net):
    return lambda x: net(x)


def wrapped(program):
    @wraps(program)
    def run(*args):
        return program(*args)

    return run


PROGRAMS = {
    "a network itself": NET,
    "a method of it": NET.forward,
    "a method of a network around it": Own(NET).model,
    "a plain object's method": Plain(NET).model,
    "a method whose neighbour names it": Plain(OTHER).model,
    "a closure": closure(NET),
    "a global": named,
    "a global of what it calls": helper,
    "a global in a comprehension": inner,
    "a global object": kept_in_objects,
    "a default": default,
    "a partial": partial(lambda net, x: net(x), NET),
    "a keyword of a partial": partial(lambda x, net: net(x), net=NET),
    "a wrapped function": wrapped(closure(NET)),
    "a Pyro handler": poutine.scale(closure(NET), scale=2.0),
    "an autoguide": AutoNormal(poutine.block(closure(NET), hide=["x"])),
    "a PyroModule": PyroModule[nn.Sequential](NET),
}


@pytest.mark.parametrize("how", PROGRAMS)
def test_a_network_is_found(how):
    found = {m for network in held_networks(PROGRAMS[how]) for m in network.modules()}
    assert (OTHER if "neighbour" in how else NET) in found


def test_what_a_module_does_not_register_is_found():
    made = Own(NET)
    assert made.hidden[0] in held_networks(made.model)


def test_nothing_is_run_and_circles_end():
    class Refuses:
        @property
        def network(self):
            raise AssertionError("was looked at")

        def model(self, x):
            return self.again

    program = Refuses()
    program.again = [program]
    program.itself = program
    assert held_networks(program.model) == []


def test_an_empty_cell_holds_nothing():
    def program(x):
        return late(x)

    assert held_networks(program) == []
    late = NET  # noqa: F841 (what the program calls)


def test_compiled_networks_are_known():
    assert not is_compiled(nn.Sequential(NET))
    assert is_compiled(nn.Sequential(torch.compile(nn.Linear(2, 2), backend="eager")))
    inside = nn.Linear(2, 2)
    inside.compile(backend="eager")
    assert is_compiled(nn.Sequential(inside))

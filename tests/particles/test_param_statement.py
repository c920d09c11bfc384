"""The code that makes a param statement, and what it tells."""

import pyro
import pytest
import torch
from pyro.nn import PyroModule, PyroParam
from torch import nn

from pyrovae.particles import own_parameters
from pyrovae.particles.own_parameters import OwnParameters
from pyrovae.particles.param_statement import current_statement
from pyrovae.particles.parameters import declare


@pytest.fixture
def statements(monkeypatch):
    """Origin, network and owner of every statement."""
    found = []

    def told():
        statement = current_statement()
        reads = statement.origin in ("network", "local") and statement.network is None
        owner = statement.frame.f_locals.get("self") if reads else None
        found.append((statement.origin, statement.network, owner, statement.updates_its_module))
        return statement

    # The frames of `own_parameters` are passed over, so this one has to look like them.
    in_place = type(told)(
        told.__code__,
        {**globals(), "__name__": own_parameters.__name__},
        closure=told.__closure__,
    )
    monkeypatch.setattr(own_parameters, "current_statement", in_place)
    with OwnParameters():
        yield found


class Module(PyroModule):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.scale = PyroParam(torch.tensor(1.0), pyro.distributions.constraints.positive)


def test_a_user(statements):
    pyro.param("a", torch.zeros(2))
    pyro.param("a")
    assert [found[:2] for found in statements] == [("user", None)] * 2


def test_a_network(statements):
    net = nn.Linear(1, 1)
    pyro.module("net", net)
    pyro.module("net", net, update_module_params=True)
    assert statements == [("network", net, None, False)] * 2 + [("network", net, None, True)] * 2


def test_what_this_library_declares(statements):
    declare("net", nn.Linear(1, 1))
    assert [found[:2] for found in statements] == [("network", None)] * 2


@pytest.mark.parametrize(("local", "origin"), [(False, "network"), (True, "local")])
def test_a_pyro_module(statements, local, origin):
    with pyro.settings.context(module_local_params=local):
        module = Module()
        module._pyro_context.__enter__()
        statements.clear()
        _ = module.scale
        module._pyro_context.__exit__(None, None, None)
    assert [found[0] for found in statements] == [origin]
    assert statements[0][2] is module

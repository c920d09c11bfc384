"""Names of param statements are read from code."""

import pyro
import pytest
import torch
from pyro import param
from pyro.distributions import constraints

from pyrovae.particles.named_params import named_params

START = torch.zeros(2)

WRITTEN = {
    "a name": lambda x: pyro.param("w", x),
    "a name alone": lambda: pyro.param("w"),
    "a keyword": lambda x: pyro.param(name="w", init_tensor=x),
    "an imported function": lambda x: param("w", x),
    "a constraint": lambda x: pyro.param("w", START + x, constraint=constraints.positive),
    "a function to start from": lambda x: pyro.param("w", lambda: torch.rand(3) * x),
    "a computed start": lambda x: pyro.param("w", torch.zeros(3)[x : x + 1].sum(), event_dim=0),
    "a comprehension": lambda x: [pyro.param("w", i) for i in range(x)],
    "a method of the value": lambda x: pyro.param("w", x).exp().sum(),
    "odd letters": lambda x: pyro.param("a.b/c$$$ü ", x),
}
COMPUTED = {
    "a formatted name": lambda i: pyro.param(f"w{i}", START),
    "a formatted name, later": lambda i: pyro.param(f"{i}w", START),
    "a sum": lambda i: pyro.param("w" + str(i), START),
    "a method of a text": lambda i: pyro.param("w{}".format(i), START),  # noqa: UP032
    "a percentage": lambda i: pyro.param("w%d" % i, START),  # noqa: UP031
    "a variable": lambda i: pyro.param(i, START),
    "an attribute": lambda i: pyro.param(i.name, START),
    "a choice": lambda i: pyro.param("a" if i else "b", START),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_a_name_that_is_written_out(how):
    found = named_params([WRITTEN[how]])
    assert found.names == ("a.b/c$$$ü " if how == "odd letters" else "w",)
    assert not found.is_computed


@pytest.mark.parametrize("how", COMPUTED)
def test_a_name_that_is_computed(how):
    assert named_params([COMPUTED[how]]).is_computed


def test_many_functions_and_other_things():
    def both(x):
        def inner():
            return pyro.param("c", x)

        return pyro.param("b", x), pyro.param("a", x), pyro.param("b", x), inner()

    found = named_params([3, torch.nn.Linear, both, pyro.param])
    assert found.names == ("b", "a", "c") and not found.is_computed
    assert named_params([]).names == ()
    assert not named_params([lambda x: x.param]).names

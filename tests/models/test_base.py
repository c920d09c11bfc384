"""What the families share."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.errors import ConfigError, ParameterError, ShapeError
from pyrovae.models import VAE, Family, HierarchicalVAE
from pyrovae.models.base import check_data
from pyrovae.nn import Bernoulli


class Own(Family):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(2, 3)
        self.inner = nn.ModuleDict({"second": nn.Linear(3, 1)})

    def model(self):
        self.declare("first")

    def guide(self):
        self.declare("inner.second")


def test_declares_submodules_by_their_path():
    own = Own()
    own.model()
    own.guide()
    store = pyro.get_param_store()
    assert {name: store[name] for name in store.keys()} == {
        "first$$$weight": own.first.weight,
        "first$$$bias": own.first.bias,
        "inner.second$$$weight": own.inner["second"].weight,
        "inner.second$$$bias": own.inner["second"].bias,
    }
    assert all(store[name] is p for name, p in zip(store.keys(), own.parameters(), strict=True))
    with pytest.raises(ParameterError, match="first"):
        Own().model()


def test_both_programs_are_needed():
    with pytest.raises(TypeError, match="guide"):
        type("Half", (Family,), {"model": lambda self: None})()


@pytest.mark.parametrize("shape", [(5, 3, 4), (5,), (3, 4), (5, 4, 3), (5, 12)])
def test_refuses_batches_of_another_shape(shape):
    check_data(torch.zeros(5, 4, 2), (4, 2), "here")
    with pytest.raises(ShapeError, match=r"here was built for data of shape \[4, 2\]"):
        check_data(torch.zeros(shape), (4, 2), "here")


class Sized(Bernoulli):
    def __init__(self, size):
        super().__init__()
        self.size = size


@pytest.mark.parametrize("given", [None, Bernoulli, Bernoulli()], ids=["none", "class", "made"])
def test_a_likelihood_may_be_a_class(given):
    assert isinstance(VAE((6,), 2, likelihood=given).likelihood, Bernoulli)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (
            dist.Bernoulli,
            "likelihood is Bernoulli; give an instance of a likelihood of pyrovae.nn",
        ),
        ("NegativeBinomial", "likelihood is 'NegativeBinomial'; give an instance"),
        (Sized, r"the class Sized, which cannot be made .* nn.Sized\(\.\.\.\)"),
    ],
    ids=["pyro", "name", "class with arguments"],
)
def test_what_is_no_likelihood(given, complaint):
    with pytest.raises(ConfigError, match=complaint):
        HierarchicalVAE((6,), [2], likelihood=given)

"""What the families share."""

import pyro
import pytest
import torch
from torch import nn

from pyrovae.errors import ParameterError, ShapeError
from pyrovae.models import Family
from pyrovae.models.base import check_data


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

"""A recipe makes its optimiser over the leaves that are there, with a group for each rate."""

import pyro
import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.train.optim.recipe import Factory, Recipe, checked_optimizer


def leaves():
    return {f"{part}.x": torch.ones(2, requires_grad=True) for part in "ab"}


def test_one_group_without_rates_and_one_for_each():
    (group,) = Recipe(torch.optim.SGD, {"lr": 0.3}).make(leaves()).param_groups
    assert len(group["params"]) == 2 and group["lr"] == 0.3
    recipe = Recipe(torch.optim.SGD, {"lr": 0.3}, {"b": 0.1})
    assert [group["lr"] for group in recipe.make(leaves()).param_groups] == [0.3, 0.1]


def test_fused_where_the_tensors_allow_it():
    recipe = Recipe(torch.optim.Adam, fused=True)
    assert recipe.make(leaves()).defaults["fused"] is True
    meta = {"a": torch.zeros(2, requires_grad=True, device="meta")}
    assert recipe.make(meta).defaults["fused"] is False


def test_a_factory_makes_optimisers_of_torch_and_pyro():
    made = Factory(torch.optim.RAdam).make(leaves())
    assert len(made.param_groups[0]["params"]) == 2
    wrapper = pyro.optim.Adam({"lr": 0.1})
    assert Factory(lambda tensors: wrapper).make(leaves()) is wrapper
    with pytest.raises(ConfigError, match="made a list, and must make an optimiser"):
        Factory(list).make(leaves())


def test_what_evaluates_the_loss_anew_is_refused():
    class Own(torch.optim.SGD):
        def step(self, closure):
            return closure()

    with pytest.raises(ConfigError, match="Own evaluates the loss several times"):
        checked_optimizer(Own(leaves().values(), lr=0.1))

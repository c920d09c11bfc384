"""The optimiser that `fit` is asked for."""

import pyro
import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.train.optim.make_optimizer import make_optimizer


def leaves():
    shared = torch.zeros(2, requires_grad=True)
    return {"a": shared, "b": torch.ones(3, requires_grad=True), "a again": shared}


def test_adam_by_default_over_each_leaf_once():
    named = leaves()
    made = make_optimizer(None, named, 0.02)
    assert type(made) is torch.optim.Adam and made.defaults["lr"] == 0.02
    assert made.defaults["fused"] is True
    (group,) = made.param_groups
    assert [id(p) for p in group["params"]] == [id(named["a"]), id(named["b"])]


def test_is_not_fused_over_tensors_that_cannot_be():
    made = make_optimizer(None, {"a": torch.zeros(2, requires_grad=True, device="meta")}, 0.1)
    assert made.defaults["fused"] is False


def test_what_makes_one_gets_the_tensors():
    seen = []

    def make(tensors):
        seen.extend(tensors)
        return torch.optim.SGD(tensors, lr=0.5)

    made = make_optimizer(make, leaves(), 0.02)
    assert type(made) is torch.optim.SGD and made.defaults["lr"] == 0.5 and len(seen) == 2


def test_what_is_one_is_taken_as_it_is():
    named = leaves()
    for wanted in (torch.optim.SGD([named["a"]], lr=0.1), pyro.optim.Adam({"lr": 0.1})):
        assert make_optimizer(wanted, named, 0.02) is wanted


def test_a_scheduler_is_refused():
    wanted = pyro.optim.ExponentialLR(
        {"optimizer": torch.optim.Adam, "optim_args": {"lr": 0.1}, "gamma": 0.9}
    )
    with pytest.raises(ConfigError, match="scheduler, which nobody would step.*schedule="):
        make_optimizer(wanted, leaves(), 0.02)

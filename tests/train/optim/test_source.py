"""What a user names, passes or calls becomes the optimiser that torch itself would make."""

import functools

import pyro
import pytest
import torch
from pyro.optim.clipped_adam import ClippedAdam

from pyrovae.errors import ConfigError
from pyrovae.train.optim.joint import JointOptimizer
from pyrovae.train.optim.source import NAMES, default_optimizer


def named_leaves():
    shared = torch.ones(2, requires_grad=True)
    return {"a.x": shared, "b.x": torch.ones(3, requires_grad=True), "a.again": shared}


def made(wanted, **options):
    joint = JointOptimizer(wanted, **options)
    joint.cover(named_leaves())
    return joint.torch


def partial_sgd(**options):
    return functools.partial(torch.optim.SGD, **options)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_its_class_with_its_defaults(name):
    optimizer = made(name)
    assert type(optimizer) is NAMES[name]
    expected = NAMES[name](list(named_leaves().values())[:2]).defaults
    for key in expected.keys() - {"fused"}:
        assert optimizer.defaults[key] == expected[key], key


@pytest.mark.parametrize("name", ["AdamW", "ADAMW", "adam_w", " adam-w "])
def test_a_name_may_be_spelled_in_several_ways(name):
    assert type(made(name)) is torch.optim.AdamW


def test_each_leaf_is_taken_once_and_fused_where_that_goes():
    optimizer = made("adam", lr=0.02)
    assert optimizer.defaults["lr"] == 0.02 and optimizer.defaults["fused"] is True
    (group,) = optimizer.param_groups
    assert len(group["params"]) == 2
    assert made("adam(foreach=True)").defaults["fused"] is None


def test_options_in_words():
    optimizer = made("sgd(momentum=0.9, nesterov=True, lr=0.5)")
    assert type(optimizer) is torch.optim.SGD
    held = {key: optimizer.defaults[key] for key in ("lr", "momentum", "nesterov")}
    assert held == {"lr": 0.5, "momentum": 0.9, "nesterov": True}


@pytest.mark.parametrize(
    ("wanted", "cls"),
    [
        (torch.optim.RAdam, torch.optim.RAdam),
        (functools.partial(torch.optim.RAdam, betas=(0.5, 0.9)), torch.optim.RAdam),
        (functools.partial(torch.optim.RAdam, eps=1e-3, lr=0.3), torch.optim.RAdam),
        (pyro.optim.RAdam, torch.optim.RAdam),
        (pyro.optim.ClippedAdam, ClippedAdam),
        ("clipped_adam", ClippedAdam),
    ],
)  # fmt: skip
def test_classes_take_rate_and_decay(wanted, cls):
    optimizer = made(wanted, lr=0.3, weight_decay=0.1)
    assert type(optimizer) is cls
    assert (optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["weight_decay"]) == (
        0.3,
        0.1,
    )


def test_a_function_gets_the_tensors_and_keeps_its_rate():
    seen = []

    def make(tensors):
        seen.extend(tensors)
        return torch.optim.SGD(tensors, lr=0.5)

    optimizer = made(make)
    assert optimizer.defaults["lr"] == 0.5 and len(seen) == 2
    assert made(make, lr=0.5).defaults["lr"] == 0.5


def test_a_function_may_make_a_wrapper_of_pyro():
    assert type(made(lambda leaves: pyro.optim.Adam({"lr": 0.2}))) is torch.optim.Adam


def test_what_is_made_already_is_taken_as_it_is():
    leaves = named_leaves()
    own = torch.optim.SGD([leaves["a.x"], leaves["b.x"]], lr=0.1)
    joint = JointOptimizer(own)
    joint.cover(leaves)
    assert joint.torch is own


def test_leaves_that_appear_later_get_their_part_s_rate():
    one, other = (torch.ones(1, requires_grad=True) for _ in range(2))
    joint = JointOptimizer("sgd", lr={"b": 0.5, "": 0.1})
    with pytest.raises(ConfigError, match="the part 'b'"):
        joint.cover({"a": one})
    joint = JointOptimizer("sgd", lr={"a": 0.5, "": 0.1})
    joint.cover({"a.x": one})
    joint.cover({"b": other})
    assert [group["lr"] for group in joint.torch.param_groups] == [0.5, 0.1]


def test_the_default_is_adam_and_with_weight_decay_adamw():
    assert [default_optimizer(decay) for decay in (None, 0.0, 0.1)] == ["adam", "adam", "adamw"]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("wanted", "options", "message"),
    [
        ("adamm", {}, "'adamm' is unknown: did you mean 'adam'.*rmsprop.*classes"),
        ("muon", {}, "is unknown"),
        ("sgd(momentum=", {}, "cannot read its options"),
        ("sgd(0.9)", {}, "cannot read its options"),
        ("sgd(speed=2)", {}, "takes no speed; it takes lr, momentum"),
        ("adam(lr=0.1)", {"lr": 0.2}, "lr=0.2 is given, and optimizer has lr=0.1"),
        (partial_sgd(weight_decay=0.1), {"weight_decay": 0.2}, "optimizer has weight_decay=0.1"),
        (partial_sgd(lr=0.1), {"lr": {"": 0.2}}, "optimizer has lr=0.1"),
        (lambda leaves: torch.optim.SGD(leaves, lr=0.1), {"lr": 0.2}, "with lr=0.1; leave one"),
        (lambda leaves: torch.optim.SGD(leaves, lr=0.1), {"weight_decay": 0.2}, "weight_decay=0"),
        (lambda leaves: torch.optim.SGD(leaves), {"lr": {"a": 0.2}}, "not made yet"),
        (pyro.optim.Adam({"lr": 0.1}), {"lr": 0.2}, "with lr=0.1"),
        (pyro.optim.Adam({"lr": 0.1}), {"lr": {"a": 0.1}}, "not made yet"),
        (pyro.optim.Adam({"lr": INF}), {}, "lr=inf, needs a finite"),
        (lambda leaves: torch.optim.SGD(leaves, lr=INF), {}, "lr=inf, needs a finite"),
        (torch.optim.Muon, {}, "Muon cannot be made over the parameters"),
        (torch.optim.SparseAdam, {"weight_decay": 0.1}, "takes no weight_decay"),
        (torch.optim.LBFGS, {}, "several times in a step"),
        (lambda leaves: torch.optim.LBFGS(leaves), {}, "several times in a step"),
        (torch.optim.Optimizer, {}, "cannot be made"),
        (pyro.optim.ExponentialLR, {}, "without its arguments"),
        (lambda leaves: "adam", {}, "made a str.*pyro.optim wrapper"),
        (None, {}, "is a NoneType"),
        (3, {}, "is a int"),
        ({"lr": 0.1}, {}, "is a dict"),
        ("adam", {"lr": NAN}, "lr=nan, needs a finite number"),
        ("adam", {"lr": INF}, "lr=inf"),
        ("adam", {"lr": -1.0}, "lr=-1.0"),
        ("adam", {"lr": "fast"}, "lr='fast'"),
        ("adam", {"lr": True}, "lr=True"),
        ("adam", {"lr": {}}, "has no rate"),
        ("adam", {"lr": {1: 0.1}}, "the part 1"),
        ("adam", {"lr": {"a": NAN}}, "lr of 'a'=nan"),
        ("adam", {"weight_decay": -0.1}, "weight_decay=-0.1"),
        ("adam", {"weight_decay": NAN}, "weight_decay=nan"),
        ("adam(betas=(2.0, 0.9))", {}, "Invalid beta"),
        ("adam", {"clip_norm": NAN}, "clip_norm=nan"),
        ("adam", {"clip_norm": 0.0}, "clip_norm=0.0"),
    ],
)
def test_what_does_not_fit_is_an_error(wanted, options, message):
    with pytest.raises(ConfigError, match=message):
        made(wanted, **options)

"""The state of every optimiser goes out as tensors and numbers, and comes back exactly."""

import json

import pyro
import pytest
import torch
from torch import nn

from pyrovae.errors import CheckpointError
from pyrovae.train.optim.joint import JointOptimizer
from pyrovae.train.optim.state import restore_optimizer, save_optimizer

MAKERS = {
    "Adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "fused Adam": lambda p: torch.optim.Adam(p, lr=1e-2, fused=True),
    "capturable": lambda p: torch.optim.Adam(p, lr=torch.tensor(1e-2), foreach=False),
    "AMSGrad": lambda p: torch.optim.AdamW(p, lr=1e-2, amsgrad=True),
    "momentum": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, nesterov=True),
    "plain": lambda p: torch.optim.SGD(p, lr=1e-2),
    "RMSprop": lambda p: torch.optim.RMSprop(p, centered=True, momentum=0.5),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2, lr_decay=0.1),
    "NAdam": lambda p: torch.optim.NAdam(p),
    "RAdam": lambda p: torch.optim.RAdam(p),
    "Rprop": lambda p: torch.optim.Rprop(p),
    "Adafactor": lambda p: torch.optim.Adafactor(p),
    "two groups": lambda p: torch.optim.Adam(
        [{"params": p[:1], "lr": 1e-2}, {"params": p[1:], "betas": (0.5, 0.9)}]
    ),
    "more than the pair": lambda p: torch.optim.Adam([torch.zeros(1, requires_grad=True), *p]),
    "pyro Adam": lambda p: pyro.optim.Adam({"lr": 1e-2}),
    "pyro ClippedAdam": lambda p: pyro.optim.ClippedAdam({"lr": 1e-2, "lrd": 0.9}),
    "pyro AdagradRMSProp": lambda p: pyro.optim.AdagradRMSProp({}),
    "pyro DCTAdam": lambda p: pyro.optim.DCTAdam({"lr": 1e-2, "subsample_aware": False}),
}


def made(maker):
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 2, 2).to(memory_format=torch.channels_last)
    leaves = {"net$$$conv.weight": conv.weight, "loc": nn.Parameter(torch.randn(3))}
    joint = JointOptimizer(maker(list(leaves.values())))
    joint.cover(leaves)
    return joint


def steps(joint, seeds):
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        for leaf in joint.leaves.values():
            gradient = torch.randn(leaf.shape, generator=generator)
            leaf.grad = torch.empty_like(leaf).copy_(gradient)
        joint.step()
    return [leaf.detach().clone() for leaf in joint.leaves.values()]


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_continues_exactly(name):
    whole = made(MAKERS[name])
    values = steps(whole, range(5))
    tensors, numbers = save_optimizer(whole)
    tensors = {k: t.clone(memory_format=torch.contiguous_format) for k, t in tensors.items()}
    numbers = json.loads(json.dumps(numbers))
    expected = steps(whole, range(5, 9))

    resumed = made(MAKERS[name])
    with torch.no_grad():
        for leaf, value in zip(resumed.leaves.values(), values, strict=True):
            leaf.copy_(value)
    restore_optimizer(resumed, tensors, numbers)
    found = steps(resumed, range(5, 9))
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    for one, other in zip(whole.torch.param_groups, resumed.torch.param_groups, strict=True):
        for key in one.keys() - {"params"}:
            assert type(one[key]) is type(other[key]) and one[key] == other[key]


def test_what_is_no_number_is_an_error():
    joint = made(MAKERS["plain"])
    joint.torch.param_groups[0]["odd"] = object()
    with pytest.raises(CheckpointError, match="keeps a object under 'odd'"):
        save_optimizer(joint)


def test_nothing_to_save_is_an_error():
    with pytest.raises(CheckpointError, match="no parameters yet"):
        save_optimizer(JointOptimizer(pyro.optim.Adam({})))

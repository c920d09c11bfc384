"""What a rank brings into a step: tried out alone, where a sum is what it was."""

import math

import pyro
import pytest
import torch
from torch import nn

from pyrovae.objectives import ELBO
from pyrovae.runtime.distributed import Part, Team
from pyrovae.train.optim.joint import JointOptimizer
from pyrovae.train.ranks.all_reduce import AllReduce
from pyrovae.train.ranks.shard import Shard


def all_reduce(leaves, buffers=(), objective=None):
    optimizer = JointOptimizer(pyro.optim.SGD({"lr": 1.0}))
    optimizer.cover(leaves)
    return AllReduce(Team(), optimizer, buffers, objective or ELBO())


def shard(weight):
    return Shard((), Part(0, 2, 4, counts=weight > 0), weight, None)


def leaf(*shape, grad=None):
    tensor = nn.Parameter(torch.zeros(*shape))
    tensor.grad = None if grad is None else torch.full(shape, grad)
    return tensor


def test_gradients_and_losses_are_weighed():
    leaves = {"a": leaf(2, 3, grad=1.0), "b": leaf(4, grad=2.0), "c": leaf(2)}
    step = all_reduce(leaves)
    step.expect(shard(0.5), stop=False)
    assert step(8.0) == 4.0 and not step.stop
    assert leaves["a"].grad.tolist() == [[0.5] * 3] * 2 and leaves["b"].grad.tolist() == [1.0] * 4
    assert leaves["c"].grad is None  # of no rank: the optimiser leaves it where it is
    assert step((torch.tensor(2.0), 4.0)) == (1.0, 2.0)


def test_what_does_not_count_may_be_anything():
    leaves = {"a": leaf(2, grad=math.nan)}
    step = all_reduce(leaves)
    step.expect(shard(0.0), stop=True)
    assert step(math.inf) == 0.0 and step.stop
    assert leaves["a"].grad.tolist() == [0.0, 0.0]


def test_a_rank_that_fails_makes_the_loss_of_all_not_a_number():
    seen = []

    class Watched(Team):
        def sum(self, tensor):
            seen.append(tensor.clone())
            return tensor

    leaves = {"a": leaf(2, grad=1.0)}
    step = all_reduce(leaves)
    step._team = Watched()
    step.failed()
    assert seen[0].isnan().any() and leaves["a"].grad is None


def test_gradients_keep_dtype_and_strides():
    weight = nn.Parameter(torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last))
    weight.grad = torch.randn(2, 3, 4, 4)
    expected, other = weight.grad.clone(), nn.Parameter(torch.zeros(2, dtype=torch.float64))
    other.grad = torch.ones(2, dtype=torch.float64)
    all_reduce({"weight": weight, "other": other})(0.0)
    assert torch.equal(weight.grad, expected) and weight.grad.stride() == weight.stride()
    assert other.grad.dtype == torch.float64


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_only_what_moves_is_averaged(weight):
    mean, mask = torch.zeros(2), torch.ones(2)
    step = all_reduce({"a": leaf(2, grad=1.0)}, [mean, mask])
    step.expect(shard(weight), stop=False)
    mean.fill_(4.0)
    step(1.0)
    assert mean.tolist() == [2.0, 2.0]  # half of the rows are ours
    assert mask.tolist() == [1.0, 1.0]

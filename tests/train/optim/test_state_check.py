"""A saved state goes into the optimiser that it was saved from, and into no other."""

import pytest
import torch

from pyrovae.errors import CheckpointError
from pyrovae.train.optim.state import restore_optimizer, save_optimizer
from pyrovae.train.optim.state_check import check_optimizer
from tests.train.optim.test_state import MAKERS, made, steps


def test_another_optimiser_is_an_error():
    one, other = made(MAKERS["Adam"]), made(MAKERS["plain"])
    tensors, numbers = save_optimizer(one)
    with pytest.raises(CheckpointError, match="state of a Adam .* has a SGD"):
        restore_optimizer(other, tensors, numbers)
    grouped = made(MAKERS["two groups"])
    with pytest.raises(CheckpointError, match="1 parameter groups, the run has a Adam with 2"):
        restore_optimizer(grouped, tensors, numbers)


def test_checking_changes_nothing():
    joint = made(MAKERS["Adam"])
    values = steps(joint, range(3))
    tensors, numbers = save_optimizer(joint)
    before = [tensor.clone() for tensor in tensors.values()]
    check_optimizer(joint, tensors, numbers, steps=3)
    assert all(map(torch.equal, values, joint.leaves.values()))
    assert all(map(torch.equal, before, save_optimizer(joint)[0].values()))


def test_a_state_without_the_moments_of_its_steps_is_an_error():
    joint = made(MAKERS["Adam"])
    steps(joint, range(3))
    _, numbers = save_optimizer(joint)
    with pytest.raises(CheckpointError, match="holds nothing of what the Adam keeps, after 3"):
        check_optimizer(joint, {}, numbers, steps=3)

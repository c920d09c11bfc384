"""What an optimiser keeps after a step is known before it takes one."""

import pytest
import torch

from pyrovae.train.optim.expected_state import state_after_a_step
from tests.train.optim.test_state import MAKERS, made, steps


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_the_state_after_a_step(name):
    joint = made(MAKERS[name])
    before = [leaf.detach().clone() for leaf in joint.leaves.values()]
    begun = {leaf: set(state) for leaf, state in joint.torch.state.items()}
    expected = state_after_a_step(joint.torch)
    assert all(map(torch.equal, before, joint.leaves.values()))
    assert {leaf: set(state) for leaf, state in joint.torch.state.items()} == begun
    steps(joint, [0])
    for held, leaf in zip(expected[-2:], joint.leaves.values(), strict=True):
        state = joint.torch.state[leaf]
        assert held.keys() == state.keys()
        for key, value in state.items():
            assert not isinstance(value, torch.Tensor) or held[key].shape == value.shape

"""The random state: kept, saved, restored."""

import random
from dataclasses import replace

import numpy as np
import pyro
import pytest
import torch

from pyrovae.runtime.random_state import (
    is_random_state,
    kept_random_state,
    restore_random_state,
    save_random_state,
    save_torch_random_state,
    seed_generators,
)


def drawn():
    return [
        torch.rand(()).item(), torch.randn(()).item(), np.random.randn(), np.random.rand(),
        random.random(), random.gauss(0, 1),
    ]  # fmt: skip


def test_all_generators_go_on_where_they_were_saved():
    random.gauss(0, 1), np.random.randn()  # each keeps half of what it drew
    state = save_random_state()
    expected = [drawn() for _ in range(3)]
    restore_random_state(state)
    assert [drawn() for _ in range(3)] == expected


def test_what_runs_between_leaves_them_where_they_were():
    state = save_random_state()
    expected = drawn()
    restore_random_state(state)
    with kept_random_state():
        assert drawn() == expected
    assert drawn() == expected
    restore_random_state(state)
    with pytest.raises(RuntimeError), kept_random_state():
        drawn()
        raise RuntimeError
    assert drawn() == expected


def test_torchs_own_alone():
    state = save_torch_random_state()
    assert state.numpy is None and state.python is None
    first, other = torch.rand(()), random.random()
    restore_random_state(state)
    assert torch.rand(()) == first and random.random() != other


def test_devices_that_are_not_here_are_left_out():
    state = save_torch_random_state()
    restore_random_state(replace(state, cuda={**state.cuda, 99: torch.zeros(16).byte()}))
    assert torch.equal(torch.get_rng_state(), state.torch)


@pytest.mark.parametrize("draw", [torch.rand, np.random.rand, random.random])
def test_whether_any_has_moved(draw):
    state = save_random_state()
    assert is_random_state(state) and is_random_state(save_torch_random_state())
    draw(1) if draw is not random.random else draw()
    assert not is_random_state(state)
    restore_random_state(state)
    assert is_random_state(state)


def test_a_seed_is_that_of_pyro_and_leaves_no_note():
    for seed in (0, 7, 2**32 - 1):
        torch.randn(3), random.gauss(0, 1), np.random.randn()
        pyro.set_rng_seed(seed)
        expected = drawn()
        notes = len(torch.cuda._queued_calls)
        seed_generators(seed)
        assert drawn() == expected
        if not torch.accelerator.is_available():
            assert len(torch.cuda._queued_calls) == notes

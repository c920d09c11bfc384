"""The random streams: kept, saved, put back."""

import json
import random

import numpy as np
import pytest
import torch

from pyrovae.runtime.random_state import (
    kept_streams,
    restore_streams,
    restore_torch_streams,
    save_streams,
    torch_streams,
)


def drawn():
    return [
        torch.rand(()).item(), torch.randn(()).item(), np.random.randn(), np.random.rand(),
        random.random(), random.gauss(0, 1),
    ]  # fmt: skip


def test_all_streams_go_on_where_they_were_saved():
    random.gauss(0, 1), np.random.randn()  # each keeps half of what it drew
    tensors, numbers = save_streams()
    expected = [drawn() for _ in range(3)]
    restore_streams(tensors, json.loads(json.dumps(numbers)))
    assert [drawn() for _ in range(3)] == expected


def test_what_runs_between_leaves_them_where_they_were():
    tensors, numbers = save_streams()
    expected = drawn()
    restore_streams(tensors, numbers)
    with kept_streams():
        assert drawn() == expected
    assert drawn() == expected
    restore_streams(tensors, numbers)
    with pytest.raises(RuntimeError), kept_streams():
        drawn()
        raise RuntimeError
    assert drawn() == expected


def test_torchs_own_alone():
    state = torch_streams()
    assert list(state)[0] == "torch"
    first, other = torch.rand(()), random.random()
    restore_torch_streams(state)
    assert torch.rand(()) == first and random.random() != other


def test_streams_of_devices_that_are_not_here_are_left_out():
    state = torch_streams()
    restore_torch_streams({**state, "cuda:99": torch.zeros(16, dtype=torch.uint8)})
    assert torch.equal(torch.get_rng_state(), state["torch"])

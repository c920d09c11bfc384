"""A random state that went through a file."""

import json
import random

import numpy as np
import pytest
import torch

from pyrovae.errors import CheckpointError
from pyrovae.runtime.random_state import restore_random_state, save_random_state
from pyrovae.runtime.stored_random_state import from_stored, to_stored


def drawn():
    return torch.rand(()).item(), np.random.randn(), random.gauss(0, 1)


def test_all_generators_go_on_where_they_were_saved():
    random.gauss(0, 1), np.random.randn()  # each keeps half of what it drew
    tensors, numbers = to_stored(save_random_state())
    expected = [drawn() for _ in range(3)]
    restore_random_state(from_stored(tensors, json.loads(json.dumps(numbers))))
    assert [drawn() for _ in range(3)] == expected


def test_devices_that_are_not_here_are_left_out():
    tensors, numbers = to_stored(save_random_state())
    state = from_stored({**tensors, "cuda:99": torch.zeros(16).byte()}, numbers)
    assert 99 not in state.cuda and torch.equal(state.torch, tensors["torch"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t, n: t.pop("torch"), "lacks the random state of torch"),
        (lambda t, n: t.update(tpu=t["torch"]), "the random state of an unknown 'tpu'"),
        (lambda t, n: t.update(torch=t["torch"][:-1]), "its random state of cpu is torch.uint8"),
        (lambda t, n: n["numpy"].pop(), "its random state of numpy is not valid"),
        (lambda t, n: n["numpy"].__setitem__(2, 625), "its random state of numpy is not valid"),
        (lambda t, n: n["python"][1].pop(), "its random state of Python is not valid"),
        (lambda t, n: n.pop("python"), "lacks 'python'"),
    ],
)
def test_refuses_what_no_generator_takes(change, words):
    tensors, numbers = to_stored(save_random_state())
    change(tensors, numbers)
    with pytest.raises(CheckpointError, match=words):
        from_stored(tensors, numbers)

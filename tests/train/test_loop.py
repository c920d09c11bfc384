"""Where a run stands: its counts, its sums, and how it goes on."""

import json

import pytest
import torch

from pyrovae.train.loop import Loop
from pyrovae.train.optim.joint import JointOptimizer


def loop_of(epochs=3, steps=4):
    weight = torch.zeros(2, requires_grad=True)
    optimizer = JointOptimizer(torch.optim.SGD([weight], lr=0.25))
    return Loop(None, None, optimizer, epochs, steps, None, torch.device("cpu"))


def test_counts():
    loop = loop_of()
    assert (loop.step, loop.total_steps, loop.progress, loop.finished) == (0, 12, 0.0, False)
    loop.epoch, loop.batch = 2, 3
    assert (loop.step, loop.progress) == (7, 7 / 12)
    loop.epoch, loop.batch = 4, 0
    assert loop.progress == 1.0 and loop.finished
    loop.epoch = 9
    assert loop.progress == 1.0


def test_a_request_ends_the_run():
    loop = loop_of()
    loop.request_stop()
    assert loop.finished and loop.epoch == 1


def test_an_entry_is_per_datum_and_its_norm_per_step():
    loop = loop_of()
    for loss, norm, rows in ((10.0, 1.0, 4), (torch.tensor(2.0), 3.0, 2)):
        loop.record(loss, torch.tensor(norm), rows)
    entry = loop.summary()
    assert entry == {
        "epoch": 1, "step": 2, "train": -2.0, "val": None, "lr": 0.25, "grad_norm": 2.0,
        "seconds": 0.0,
    }  # fmt: skip
    loop.next_epoch()
    assert (loop.epoch, loop.batch) == (2, 0)
    loop.record(6.0, torch.tensor(5.0), 3)
    assert loop.summary()["train"] == -2.0 and loop.summary()["grad_norm"] == 5.0


def test_goes_on_where_it_was_to_the_last_bit():
    first, other = loop_of(), loop_of()
    first.record(1 / 3, torch.tensor(0.1), 7)
    first.history, first.best = [{"epoch": 1}], {"epoch": 1, "val": -3.0}
    first.seconds = 1.5
    other.go_to(json.loads(json.dumps(first.position())))
    for loop in (first, other):
        loop.record(2 / 3, torch.tensor(0.7), 5)
    assert other.position() == first.position()
    assert other.summary() == first.summary()
    assert other.position()["step"] == 2 and other.position()["sums"]["rows"] == 12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_are_taken_in_double_precision(dtype):
    loop = loop_of()
    for _ in range(10_000):
        loop.record(torch.tensor(0.1, dtype=dtype), torch.tensor(1.0, dtype=dtype), 1)
    assert loop.summary()["train"] == pytest.approx(-torch.tensor(0.1, dtype=dtype).item(), 1e-12)

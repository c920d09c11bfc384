"""Which batches a run is compiled on, before its first step."""

import torch
from torch.utils.data import DataLoader, TensorDataset

from pyrovae.data import batches
from pyrovae.train.compile_ahead import compile_ahead, is_worth_compiling
from tests.train.pairs import x_of


class Place:
    epoch, device = 1, torch.device("cpu")


class Noted:
    def __init__(self):
        self.calls = []

    def prepare(self, batches, fresh):
        self.calls.append([[len(x) for (x,) in some] for some in (batches, fresh)])


def calls(source, steps_per_call):
    stepper = Noted()
    compile_ahead(stepper, source, Place(), steps_per_call)
    return stepper.calls


def test_auto_compiles_long_runs():
    assert not is_worth_compiling("auto", 4999) and is_worth_compiling("auto", 5_000)
    assert is_worth_compiling(True, 1) and not is_worth_compiling(False, 10**6)


def test_one_step_and_a_call_of_several():
    source = batches(x_of(40), 10, device="cpu")
    one, three = [[10], [10]], [[10] * 3, [10] * 3]
    assert calls(source, 1) == [one] and calls(source, 3) == [one, three]
    assert calls(source, 5) == [one], "no call of five fits into an epoch of four"


def test_the_batches_are_as_large_as_the_first():
    assert calls(batches(x_of(25), 10, device="cpu"), 2) == [[[10], [10]], [[10] * 2, [10] * 2]]


def test_no_random_number_is_used_up():
    state = torch.get_rng_state()
    loader = DataLoader(TensorDataset(x_of(20)), batch_size=10, shuffle=True)
    calls(batches(loader, 10, device="cpu"), 1)
    assert torch.equal(torch.get_rng_state(), state)

"""The first batch of a run, read and recognised."""

import json

import pytest
import torch

from pyrovae.train.first_batch import is_same_batch, read_first, summary_of

BATCH = (torch.randn(50, 8, generator=torch.Generator().manual_seed(1)), torch.arange(50))


class Source:
    num_data = 3

    def __init__(self, make):
        self.make = make

    def __len__(self):
        return 1

    def epoch(self, epoch, start=0):
        yield (self.make(),)


def test_a_batch_is_the_same_after_a_file_and_with_other_rounding():
    known = summary_of(BATCH)
    assert is_same_batch(known, json.loads(json.dumps(known)))
    assert is_same_batch(known, summary_of((BATCH[0] * (1 + 1e-6), BATCH[1].double())))


@pytest.mark.parametrize(
    "change",
    [
        lambda x, y: (x * 5 + 3, y),
        lambda x, y: (-x, y),
        lambda x, y: (x.flip(0), y),
        lambda x, y: (x * 1.001, y),
        lambda x, y: (x.where(x < 2, torch.nan), y),
        lambda x, y: (x, y.roll(1)),
        lambda x, y: (y, x),
        lambda x, y: (x,),
    ],
)
def test_another_batch_is_told(change):
    assert not is_same_batch(summary_of(BATCH), summary_of(change(*BATCH)))


def test_constant_batches_of_other_sign_are_told():
    one = torch.ones(1000, 1000)
    assert not is_same_batch(summary_of([one]), summary_of([-one]))


def test_what_cannot_be_known_is_taken_and_what_is_no_summary_is_not():
    known = summary_of(BATCH)
    assert is_same_batch(None, known) and is_same_batch(known, None)
    assert is_same_batch(known, {"device": "cuda", "tensors": []})
    for other in (1, [], {}, {"device": "cpu"}, {"device": "cpu", "tensors": [[1.0], "a"]}):
        assert not is_same_batch(known, other)


def test_draws_are_fixed_and_leave_the_process_alone():
    state = torch.get_rng_state()
    batch, known = read_first(Source(lambda: torch.randn(3)), recognise=True)
    assert torch.equal(state, torch.get_rng_state())
    assert known == summary_of(batch)
    torch.manual_seed(5)
    assert read_first(Source(lambda: torch.randn(3)), recognise=True)[1] == known


def test_a_batch_that_differs_each_time_is_not_recognised():
    numbers = torch.Generator().manual_seed(0)
    fresh = Source(lambda: torch.randn(3, generator=numbers))
    assert read_first(fresh, recognise=True)[1] is None
    assert read_first(Source(lambda: torch.ones(3)), recognise=False)[1] is None

"""Sizes of the batches."""

import pytest

from pyrovae.apply.compression.schedule import Schedule


@pytest.mark.parametrize(("net", "popped"), [(150, 250), (1000, 0), (0, 900), (5, 100_000)])
@pytest.mark.parametrize("count", [1, 2, 63, 64, 1000])
def test_all_rows_come_once(net, popped, count):
    batches = list(Schedule.after(net, popped).batches(count, 64))
    rows = [0, *(row for part in batches for row in range(part.start, part.stop))]
    assert rows == list(range(count))
    assert max((part.stop - part.start for part in batches), default=1) <= 64


def test_a_batch_pops_what_those_before_it_left():
    done = 1
    for part in Schedule(150, 250).batches(300, 64):
        assert (part.stop - part.start) * 250 <= max(done * 150, 250)
        done = part.stop

"""Python may read small tables of whole numbers while a graph is traced."""

import pytest
import torch

from pyrovae.errors import CaptureWarning
from tests.capture.test_captured import captured, trusted


def test_tables_of_whole_numbers_may_steer_python_until_they_change():
    order = torch.tensor([2, 0, 1])

    def run(x):
        y = torch.zeros(3)
        for place, source in enumerate(order):
            y[place] = x[int(source)]
        return (y,)

    it, x = trusted(run), torch.tensor([1.0, 2.0, 3.0])
    assert it("key", x)[0].tolist() == [3.0, 1.0, 2.0]
    order.copy_(torch.tensor([0, 1, 2]))
    assert it("key", x) is None  # traced anew
    assert it("key", x)[0].tolist() == [1.0, 2.0, 3.0]


def test_a_table_that_keeps_changing_becomes_an_input():
    count, traces = torch.zeros((), dtype=torch.int64), []

    def run(x):
        traces.append(1)
        return (x * count,)

    it = captured(run)
    for n in range(12):
        count.fill_(n)
        found = it("key", torch.ones(3))
    assert found[0].tolist() == [11.0] * 3 and not it.refusal
    assert len(traces) < 8  # two runs for each of two traces, and two comparisons


def test_a_table_that_keeps_steering_python_is_given_up():
    order, traces = torch.tensor([1, 0]), []

    def run(x):
        traces.append(1)
        return (x[int(order[0])] * x.sum(),)

    it = captured(run, max_graphs=3)
    with pytest.warns(CaptureWarning, match="3 kinds of call have been compiled"):
        for n in range(20):
            order.fill_(n % 2)
            it("key", torch.ones(2))
    assert len(traces) < 20

"""A graph is what the computation is, or is not used."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from pyrovae.capture import Captured
from pyrovae.errors import CaptureWarning


def batches(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randn(shape, generator=generator)


def captured(run, **options):
    options.setdefault("compiler", None)
    return Captured(run, "the test", **options)


def trusted(run, **options):
    """The computation as a graph that has passed its comparison."""
    it = captured(run, **options)
    stream = batches(3)
    assert it("key", next(stream)) is None  # traced
    assert it("key", next(stream)) is not None  # compared
    assert not it.refusal
    return it


def test_what_is_read_and_not_made_is_an_input():
    weight, offset = torch.randn(3), torch.tensor(2.0)
    it = trusted(lambda x: (weight * x * 3.0 + offset.exp(),))
    x = torch.randn(3)
    for value in (1.0, -5.0):
        weight.fill_(value)
        offset.fill_(value / 2)
        torch.testing.assert_close(it("key", x)[0], weight * x * 3.0 + offset.exp())


def test_writes_happen_in_place_through_views_and_data_too():
    total, seen = torch.zeros(3), nn.Parameter(torch.zeros(2, 3))

    def run(x):
        total.add_(x)
        seen.data[1].copy_(x)
        return (total * 2,)

    it = trusted(run)
    total.zero_()
    for n in range(1, 4):
        torch.testing.assert_close(it("key", torch.ones(3))[0], torch.full((3,), 2.0 * n))
        assert (total == n).all()
    assert (seen.data[1] == 1).all() and (seen.data[0] == 0).all()


def test_tracing_and_comparing_leave_no_trace():
    total = torch.zeros(3)

    def run(x):
        total.add_(x * torch.rand(3))
        return (total.clone(),)

    it = captured(run)
    state = torch.get_rng_state()
    it("key", torch.ones(3))
    assert (total == 0).all() and torch.equal(state, torch.get_rng_state())
    it.prepare("other", [torch.ones(3)], [torch.full((3,), 2.0)])
    assert (total == 0).all() and torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("compiler", [None, "inductor"])
def test_draws_are_those_of_the_computation_and_new_every_time(compiler):
    def run(x):
        return x + torch.randn(3), torch.bernoulli(torch.full((3,), 0.5)), torch.rand(3)

    it = trusted(run) if compiler is None else trusted(run, **_with_inductor())
    torch.manual_seed(1)
    found = [it("key", torch.zeros(3)) for _ in range(200)]
    torch.manual_seed(1)
    for outputs in found:
        for one, other in zip(outputs, run(torch.zeros(3)), strict=True):
            torch.testing.assert_close(one, other)
    normal = torch.stack([outputs[0] for outputs in found])
    assert abs(normal.mean()) < 0.15 and abs(normal.std() - 1) < 0.15


def _with_inductor():
    from pyrovae.capture.inductor import compiled

    return {"compiler": compiled}


def test_the_gradient_is_part_of_the_graph():
    weight = nn.Parameter(torch.randn(3))

    def run(x):
        with torch.enable_grad():
            loss = (weight.exp() * x).square().sum()
            (grad,) = torch.autograd.grad(loss, [weight])
        return loss.detach(), grad

    it = trusted(run)
    x = torch.randn(3)
    with torch.no_grad():
        weight.add_(1.0)
    torch.testing.assert_close(it("key", x)[1], 2 * weight.detach().exp() ** 2 * x**2)


class Averaging(nn.Module):
    """Puts a new tensor in the place of its buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("average", torch.zeros(3))

    def forward(self, x):
        self.average = 0.5 * self.average + 0.5 * x.detach()
        return x - self.average


def test_buffers_that_a_network_replaces_are_kept():
    network, plain = Averaging(), Averaging()
    place = network.average
    it = captured(lambda x: (network(x),))
    for n, x in zip(range(6), batches(3), strict=False):
        found = it("key", x)
        if n == 0:
            network(x)
            place.copy_(network.average)
            network.average = place
        expected = plain(x)
        if n > 0:
            torch.testing.assert_close(found[0], expected)
        torch.testing.assert_close(network.average, plain.average)
    assert network.average is place


def mask(x):
    y = x.clone()
    y[x > 0] = x[x > 0] * 2
    return (y,)


def branch(x):
    return (x if x.sum() > 0 else -x,)


def number(x):
    return (x * float(x.max()),)


def places(x):
    return (x[torch.nonzero(x > -100.0).squeeze(-1)],)


def numpy_noise(x):
    return (x * float(np.random.rand()),)


COUNTER = itertools.count()


def counter(x):
    return (x * (1 + next(COUNTER)),)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (mask, r"test_captured.py:\d+, in mask, `y\[x > 0\] = .*boolean mask.*torch.where"),
        (branch, r"test_captured.py:\d+, in branch, .*value of a tensor.*torch.where"),
        (number, r"test_captured.py:\d+, in number, .*value of a tensor"),
        (places, r"test_captured.py:\d+, in places, .*depends on the values"),
        (numpy_noise, "differs from it"),
        (counter, "differs from it"),
    ],
)
def test_what_cannot_be_frozen_is_refused_once_with_its_line(run, reason):
    it = captured(run)
    with pytest.warns(CaptureWarning, match=reason) as caught:
        for x in itertools.islice(batches(3), 5):
            found = it("key", x)
    assert len(caught) == 1 and it.refusal
    assert found is None


def wrapped(x):
    try:
        return number(x)
    except RuntimeError as error:
        raise ValueError("another word for it") from error


def test_the_line_is_that_of_the_first_cause():
    it = captured(wrapped)
    with pytest.warns(
        CaptureWarning, match=r"test_captured.py:\d+, in number, .*value of a tensor"
    ):
        it("key", torch.ones(3))


def test_a_mask_that_takes_one_number_is_no_obstacle():
    def run(x):
        y = x.clone()
        y[x > 0] = 7.0
        return (y,)

    x = torch.tensor([1.0, -1.0, 3.0])
    assert trusted(run)("key", x)[0].tolist() == [7.0, -1.0, 7.0]


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


def test_without_a_compiler_it_runs_as_it_is():
    from torch._inductor import config

    it = captured(lambda x: (x.sin() * 0.12345,), **_with_inductor())
    with (
        config.patch({"cpp.cxx": ("no-such-compiler",)}),
        pytest.warns(CaptureWarning, match="No working C\\+\\+ compiler"),
    ):
        assert it("key", torch.ones(31)) is None
    assert it("key", torch.ones(31)) is None


def test_a_graph_that_would_take_minutes_is_refused(monkeypatch):
    monkeypatch.setattr("pyrovae.capture.graph._LARGEST", 20)

    def run(x):
        for _ in range(20):
            x = x.sin() + 1
        return (x,)

    it = captured(run)
    with pytest.warns(CaptureWarning, match="operations, and more than 20"):
        it("key", torch.ones(3))


def test_a_lone_call_of_another_kind_is_left_alone():
    traces = []

    def run(x):
        traces.append(len(x))
        return (x * 2,)

    it = captured(run)
    for _ in range(4):
        for rows in (3, 3, 3, 2):
            it(rows, torch.randn(rows))
    assert set(traces) == {3}
    it(2, torch.randn(2))  # twice in a row
    assert set(traces) == {3, 2}
    assert it(2, torch.randn(2)) is not None


def test_few_graphs_are_kept():
    it = captured(lambda x: (x * 2,), max_graphs=2)
    with pytest.warns(CaptureWarning, match="2 kinds of call have been compiled and another"):
        for rows in (1, 2, 3):
            for _ in range(3):
                it(rows, torch.randn(rows))
    assert it(1, torch.ones(1)) is not None  # those that there are go on
    assert it(3, torch.ones(3)) is None


def test_what_is_not_finite_is_not_compared():
    it = captured(lambda x: (x.log(),))
    it("key", torch.ones(2))
    assert it("key", -torch.ones(2))[0].isnan().all()
    torch.testing.assert_close(it("key", torch.ones(2))[0], torch.zeros(2))
    assert not it.refusal

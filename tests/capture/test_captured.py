"""A graph is what the computation is, or is not used."""

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
    from pyrovae.capture.inductor import compile_graph

    return {"compiler": compile_graph}


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
    monkeypatch.setattr("pyrovae.capture.graph._MAX_OPERATIONS", 20)

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


def test_a_tensor_that_is_given_twice_is_two_inputs():
    it, x, y = captured(lambda x, y: (x - 2 * y,)), torch.ones(3), torch.full((3,), 5.0)
    for _ in range(2):
        it("key", x, x)
    torch.testing.assert_close(it("key", x, y)[0], x - 2 * y)
    torch.testing.assert_close(it("key", y, x)[0], y - 2 * x)


@pytest.mark.parametrize(("factor", "is_refused"), [(1.0, False), (1.2, False), (-1.0, True)])
def test_what_may_differ_by_rounding_must_not_move_elsewhere(factor, is_refused):
    weight = torch.zeros(5)

    def run(x):
        weight.add_(x)
        return (x.sum(),)

    def compiler(graph, tensors):
        def code(*given):
            before = weight.clone()
            found = graph(*given)
            weight.copy_(before + factor * (weight - before))
            return found

        return code

    it = captured(run, compiler=compiler, uncompared=lambda: [weight], warns=False)
    for batch in torch.arange(15.0).reshape(3, 5):
        it("key", batch)
    assert bool(it.refusal) == is_refused

"""What depends on fixed tensors alone is computed once, and nothing else changes."""

import pytest
import torch
from torch import nn

from pyrovae.capture import Captured, hoisted
from pyrovae.capture.graph import trace
from pyrovae.capture.hoisted import _Hoisted

WEIGHT = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))


def scored(data, u):
    """A likelihood's gradient, with a part that the data alone decide."""
    with torch.enable_grad():
        u = u.detach().requires_grad_()
        loc = (u @ WEIGHT.T).view(*u.shape[:-1], 5).expand(u.shape[0], 5)
        known = torch.lgamma(data.exp() + 1) + loc.new_zeros(())
        log_lik = -0.5 * (data - loc).pow(2) - known
        (gradient,) = torch.autograd.grad(log_lik.sum(), u)
    return log_lik.detach().sum(-1), gradient


def code_of(function, *tensors, varying=1):
    graph = trace(function, tensors)
    return hoisted(varying)(graph.graph, [*graph.externals, *tensors]), graph


def test_the_results_are_those_of_the_graph_bit_for_bit():
    data, u = torch.randn(4, 5), torch.randn(4, 3)
    code, graph = code_of(scored, data, u)
    assert isinstance(code, _Hoisted)
    for _ in range(3):
        u = torch.randn(4, 3)
        for found, expected in zip(code(*graph.externals, data, u), scored(data, u), strict=True):
            assert torch.equal(found, expected)


def test_the_fixed_part_runs_again_only_when_its_tensors_change():
    runs = []
    data, u = torch.randn(4, 5), torch.randn(4, 3)
    code, graph = code_of(scored, data, u)
    first = code._first
    code._first = lambda *fixed: runs.append(1) or first(*fixed)

    def check(data):
        found = code(*graph.externals, data, u)
        assert all(map(torch.equal, found, scored(data, u)))

    for _ in range(3):
        check(data)
    assert len(runs) == 1
    data.add_(1)
    check(data)
    assert len(runs) == 2, "written in place"
    check(data.clone())
    assert len(runs) == 3, "another tensor"
    with torch.inference_mode():
        uncounted = data + 1
    check(uncounted)
    check(uncounted)
    assert len(runs) == 5, "torch does not say whether it was written into"


def test_draws_stay_in_each_call_and_keep_the_stream():
    def drawn(loc, u):
        torch.rand(3)  # moves the stream, and nobody reads it
        noise = torch.empty(3).normal_()
        return ((loc * 2) + u * noise, torch.bernoulli(torch.sigmoid(loc)))

    loc, u = torch.randn(3), torch.randn(3)
    code, graph = code_of(drawn, loc, u)
    assert isinstance(code, _Hoisted)

    def three(run):
        torch.manual_seed(1)
        return [tuple(t.clone() for t in run()) for _ in range(3)], torch.get_rng_state()

    found, after = three(lambda: code(*graph.externals, loc, u))
    expected, state = three(lambda: drawn(loc, u))
    assert torch.equal(after, state)
    for one, other in zip(found, expected, strict=True):
        assert all(map(torch.equal, one, other))


@pytest.mark.parametrize("training", [True, False])
def test_a_graph_that_writes_stays_whole(training):
    network = nn.BatchNorm1d(3).train(training)

    def run(x, u):
        return (network(x) * u,)

    x, u = torch.randn(6, 3), torch.randn(6, 3)
    code, _ = code_of(run, x, u)
    assert not isinstance(code, _Hoisted)


def test_captured_checks_it_like_any_other_code():
    captured = Captured(scored, "the test", compiler=hoisted(1))
    data = torch.randn(4, 5)
    for _ in range(4):
        u = torch.randn(4, 3)
        found = captured("key", data, u)
        if found is not None:
            assert all(map(torch.equal, found, scored(data, u)))
    assert found is not None and captured.refusal == ""

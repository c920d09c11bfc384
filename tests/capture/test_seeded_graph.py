"""Graphs that run under many seeds a call."""

import pytest
import torch

from pyrovae.capture import seeded_graph
from pyrovae.capture.graph import trace
from pyrovae.capture.seeded_graph import SeededGraph
from pyrovae.errors import CaptureError

W = torch.linspace(-1.0, 1.0, 6).reshape(2, 3).requires_grad_()
SEEDS = [5, 3, 2**32 - 1, 0, 8]


def gradient():
    """Of a loss that is not linear, and a second result that no random number reaches."""
    loss = torch.log_softmax(torch.randn(4, 2) @ W.tanh(), 1).square().sum()
    (found,) = torch.autograd.grad(loss, [W])
    return found, loss.detach(), W.detach() * 2


def dropout():
    """Draws into memory and then writes into it once more."""
    return (torch.dropout(torch.ones(50) * W.detach().sum(1).exp()[0], 0.3, True).cumsum(0),)


def discrete():
    z = torch.bernoulli(torch.sigmoid(W.detach()))
    return (torch.bernoulli(torch.sigmoid(z * W.detach())) + z,)


def each(run, seeds):
    found = []
    for seed in seeds:
        torch.manual_seed(seed)
        found.append(run())
    return [torch.stack(values) for values in zip(*found, strict=True)]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("run", [gradient, dropout, discrete], ids=lambda run: run.__name__)
def test_every_seed_gives_what_the_computation_gives(run, together, monkeypatch):
    monkeypatch.setattr(seeded_graph, "_MOST", 3)
    graph = SeededGraph(trace(run, []), together)
    assert graph.size == (3 if together else 16) and graph.is_together == together
    for seeds in (SEEDS[:3], SEEDS[3:], SEEDS[2:3]):  # a last call may be smaller
        for one, other in zip(graph(seeds), each(run, seeds), strict=True):
            torch.testing.assert_close(one, other)
            assert one.shape[0] == len(seeds)


def test_tensors_that_change_are_read_anew():
    weight = torch.ones(2)
    graph = SeededGraph(trace(lambda: (torch.randn(2) * weight,), []), True)
    first = graph([1, 2])[0]
    weight.fill_(3.0)
    assert torch.equal(graph([1, 2])[0], 3 * first)


def test_what_is_written_is_written_seed_by_seed():
    total = torch.zeros(2)

    def run():
        total.add_(torch.randn(2).abs())
        return (total.clone(),)

    traced = trace(run, [])
    with pytest.raises(CaptureError, match="the next draw reads"):
        SeededGraph(traced, True)
    found = SeededGraph(traced, False)(SEEDS)[0]
    after = total.clone()
    total.zero_()
    assert torch.equal(found, each(run, SEEDS)[0]) and torch.equal(after, total)


def test_few_seeds_where_tensors_are_large():
    def size_of(numel):
        return SeededGraph(trace(lambda: (torch.randn(numel).sum(),), []), True).size

    assert size_of(10) == 64 and size_of(2**17) == 2
    with pytest.raises(CaptureError, match="large enough"):
        size_of(2**18)


def test_what_vmap_cannot_do_at_once_is_not_unrolled(monkeypatch):
    monkeypatch.setattr(seeded_graph, "_UNROLLED", 0.5)
    with pytest.raises(CaptureError, match=r"torch\.vmap makes \d+ operations of \d+"):
        SeededGraph(trace(gradient, []), True)

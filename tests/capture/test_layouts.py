"""One copy for a convolution and its gradient: another graph, the same numbers."""

import copy

import pytest
import torch
from torch import nn

from pyrovae.capture.graph import trace
from pyrovae.capture.inductor import compile_graph
from pyrovae.capture.layouts import share_channels_last_copies

CLONE = torch.ops.aten.clone.default


def step_of(*layers):
    """Loss and gradients of a small network, as a graph, with what it is called with."""
    torch.manual_seed(0)
    network = nn.Sequential(*layers).double()
    leaves = list(network.parameters())

    def run(x):
        loss = network(x).square().sum()
        return (loss.detach(), *torch.autograd.grad(loss, leaves))

    return run


PLANES = [
    nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.Tanh(), nn.Conv2d(4, 3, 3), nn.SiLU(),
    nn.ConvTranspose2d(3, 2, 2), nn.Flatten(), nn.Linear(50, 3),
]  # fmt: skip


def copies(graph):
    laid = [node for node in graph.graph.nodes if node.target is CLONE]
    return [node for node in laid if node.kwargs.get("memory_format") is torch.channels_last]


@pytest.mark.parametrize("code", ["interpreted", "compiled"])
def test_the_numbers_stay(code):
    x = torch.randn(5, 2, 11, 11, dtype=torch.float64)
    traced = trace(step_of(*PLANES), [x])
    everything = [*traced.externals, x]
    expected = traced.graph(*everything)
    if code == "compiled":
        found = compile_graph(copy.deepcopy(traced.graph), everything)(*everything)
    else:
        graph = share_channels_last_copies(copy.deepcopy(traced.graph))
        # Three inputs and three weights, each read by the convolution and by its gradient.
        assert len(copies(graph)) == 6
        assert all(len(node.users) == 2 for node in copies(graph))
        found = graph(*everything)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-12)


def test_other_graphs_stay_as_they_are():
    x = torch.randn(5, 2, 11, dtype=torch.float64)
    line = trace(step_of(nn.Conv1d(2, 4, 3), nn.Tanh(), nn.Conv1d(4, 3, 3)), [x]).graph
    before = line.code
    assert share_channels_last_copies(line).code == before

    step = step_of(*PLANES)

    def strided(x):
        return (*step(x), torch.as_strided(x, (3,), (2,)).clone())

    planes = trace(strided, [torch.randn(5, 2, 11, 11, dtype=torch.float64)]).graph
    before = planes.code
    assert share_channels_last_copies(planes).code == before

"""Graphs for torch's interpreter hold nothing that changes nothing."""

import torch

from pyrovae.capture.graph import trace
from pyrovae.capture.interpreted import interpreted, narrowed, simplified


def test_what_changes_nothing_is_dropped_and_results_stay():
    def run(x):
        same = x.view(3, 4).expand(3, 4).permute(0, 1)[0:3].detach()
        one = torch.cat([same]) ** 1.0
        turned = one.permute(1, 0).permute(1, 0)  # not alone without effect
        return one + x.new_zeros(3, 4) + torch.ones_like(x), turned * x.new_full((), 2.0)

    x = torch.randn(3, 4)
    graph = trace(run, [x]).graph
    small = interpreted(simplified(graph))
    assert all(map(torch.equal, small(x), run(x)))
    names = [str(node.target) for node in small.graph.nodes if node.op != "placeholder"]
    assert not any(w in n for n in names for w in ("view", "expand", "cat", "pow", "new_", "like"))
    assert sum("permute" in name for name in names) == 2
    assert len(small.graph.nodes) < len(graph.graph.nodes)


def test_quick_names_are_the_same_operations():
    def run(x, y):
        z = (x + y * 2 - x / y) @ y.T
        z = torch.relu(z).tanh().exp().log().neg().unsqueeze(0)[0]
        return torch.addmm(x[0, :3], z, z).sum(-1), z.sum((0,)), z.pow(2).T.reshape(-1)

    x, y = torch.randn(3, 4), torch.rand(3, 4) + 0.5
    graph = trace(run, [x, y]).graph
    expected = graph(x, y)
    quick = interpreted(graph)
    assert all(map(torch.equal, quick(x, y), expected))
    assert any(node.target is torch.addmm for node in quick.graph.nodes)


def test_what_is_repeated_is_computed_once():
    def run(x):
        return x.expand(5, 4).neg(), x.expand(5, 4).exp() * 2, x.neg()

    x = torch.randn(1, 4)
    graph = trace(run, [x]).graph
    expected = graph(x)
    small = narrowed(graph)
    assert all(map(torch.equal, small(x), expected))
    names = ("neg", "exp.default")
    computed = [n for n in small.graph.nodes if any(w in str(n.target) for w in names)]
    assert len(computed) == 3 and all(n.meta["val"].shape == (1, 4) for n in computed)

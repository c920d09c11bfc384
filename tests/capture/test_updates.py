"""Updates at the end of a graph are called after it, and change what they changed in it."""

import torch

from pyrovae.capture.graph import trace
from pyrovae.capture.inductor import compile_graph
from pyrovae.capture.updates import as_update, without_updates


@as_update("test_add_(Tensor(a!)[] values, Tensor[] others, float factor) -> ()")
def add(values, others, factor):
    torch._foreach_add_(values, others, alpha=factor)


def made():
    """Two tensors, and a computation that reads both and adds to them."""
    values = [torch.ones(3, dtype=torch.float64), torch.full((2,), 2.0, dtype=torch.float64)]

    def run(x):
        grads = [x.sum() * value.sin() for value in values]
        result = grads[0].sum()
        add(values, grads, 0.5)
        return (result,)

    return values, run


def test_the_rest_and_the_updates_are_the_whole():
    values, run = made()
    x = torch.randn(4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    traced = trace(run, [x])
    assert {id(t) for t in traced.changed} == {id(t) for t in values}
    rest, updates = without_updates(traced.graph)
    assert updates is not None
    assert not any("pyrovae" in str(node.target) for node in rest.graph.nodes)
    before = [value.clone() for value in values]
    (expected,) = run(x)
    wanted = [value.clone() for value in values]
    for value, old in zip(values, before, strict=True):
        value.copy_(old)
    inputs = [*traced.externals, x]
    code = compile_graph(traced.graph, inputs)
    for value, old in zip(values, before, strict=True):
        assert torch.equal(value, old)  # compiling changes nothing
    (found,) = code(*inputs)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    for value, new in zip(values, wanted, strict=True):
        torch.testing.assert_close(value, new, rtol=1e-12, atol=0)


def test_an_update_whose_tensors_are_read_later_stays():
    values, run = made()

    def longer(x):
        return (*run(x), values[0].sum())

    graph = trace(longer, [torch.ones(4, dtype=torch.float64)]).graph
    assert without_updates(graph) == (graph, None)
    expected = longer(torch.ones(4, dtype=torch.float64))
    values, run = made()
    traced = trace(longer, [torch.ones(4, dtype=torch.float64)])
    found = compile_graph(traced.graph, [*traced.externals, torch.ones(4, dtype=torch.float64)])(
        *traced.externals, torch.ones(4, dtype=torch.float64)
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=0)

"""Operations that write over what nobody reads any more."""

import pytest
import torch

from pyrovae.capture.graph import single_operations
from pyrovae.capture.in_place import written_in_place

X, Y = (torch.rand(2, 64, 32, generator=torch.Generator().manual_seed(s)) + 0.5 for s in (0, 1))


def chain(x, y):
    return ((x * y).exp().neg() + 1,)


def second_argument(x, y):
    return (x + (x * y), y - (x / y), x / (y * 2))


def both_are_one(x, y):
    z = x * y
    return (z * z,)


def read_by_a_view(x, y):
    z = x * y
    top = z[0]
    return (z.exp(), top)


def own_view(x, y):
    z = (x * y).view(64, 64)
    return (z - z.t(), z)


def view_of_it(x, y):
    z = (x[0] * y[0]).reshape(32, 64)
    return (z.t().reshape(32, 64) + z,)


def later_through_a_view(x, y):
    z = x * y
    w = z.view(-1)
    return (z.exp().sum() + w.sum(),)


def after_the_write(x, y):
    z = (x * y).exp()
    w = z.view(64, 64)
    return (z.sum(), w.log(), z.neg())


def other_shape(x, y):
    return ((x[:1] * 2) + y, (x[:1].sum(2, keepdim=True) * 3) + y)


def parts(x, y):
    one, two = (x * y).chunk(2, 1)
    return (one.exp(), two.exp())


@pytest.mark.parametrize(
    ("function", "writes"),
    [
        (chain, 3), (second_argument, 3), (both_are_one, 1), (read_by_a_view, 0), (own_view, 0),
        (view_of_it, 1), (later_through_a_view, 0), (after_the_write, 2), (other_shape, 0),
        (parts, 0),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_bit_for_bit_and_inputs_stay(function, writes):
    graph = written_in_place(single_operations(function, (X, Y)))
    before, expected = (X.clone(), Y.clone()), function(X, Y)
    for _ in range(2):
        found = graph(X, Y)
        assert all(map(torch.equal, found, expected))
    assert torch.equal(X, before[0]) and torch.equal(Y, before[1])
    nodes = graph.graph.nodes
    assert sum(node.op == "call_method" or "out" in node.kwargs for node in nodes) == writes

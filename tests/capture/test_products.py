"""Matrix products with what follows them, by oneDNN."""

import pytest
import torch

from pyrovae.capture import onednn
from pyrovae.capture.graph import single_operations
from pyrovae.capture.products import with_fused_products

FUSED = onednn.linear
SEED = torch.Generator().manual_seed(0)
X, W, B = (torch.randn(shape, generator=SEED) for shape in ((640, 48), (40, 48), (40,)))


def linear(x, w, b):
    return (torch.nn.functional.linear(x, w, b),)


def three_axes(x, w, b):
    return (torch.tanh(x.view(10, 64, 48) @ w.t() + b),)


def both_read(x, w, b):
    hidden = torch.nn.functional.linear(x, w, b)
    return torch.tanh(hidden), hidden


def product(x, w, b):
    return (x @ w.t(),)


def row_by_row(x, w, b):
    return ((x @ w.t()) + b.new_ones(640, 1),)


def rectified(x, w, b):
    return (torch.relu(torch.addmm(b, x, w.t())),)


def viewed_otherwise(x, w, b):
    return ((x @ w.t()).view(1280, 20) + b[:20],)


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (linear, ["none"]),
        (three_axes, ["tanh"]),
        (both_read, ["none"]),
        (product, ["none"]),
        (row_by_row, ["none"]),
        (rectified, ["relu"]),
        (viewed_otherwise, ["none"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_numbers_are_those_of_the_graph(function, names):
    graph = with_fused_products(single_operations(function, (X, W, B)))
    fused = [node for node in graph.graph.nodes if node.target is FUSED]
    assert [node.args[3] for node in fused] == names
    exact = function(X.double(), W.double(), B.double())
    for one, other in zip(graph(X, W, B), exact, strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-6, atol=1e-5)


def test_tanh_is_exact_to_two_units():
    x = torch.cat([s * torch.logspace(-6, 1.2, 400).reshape(200, 2) for s in (1, -1)], 0)
    x = torch.nn.functional.pad(x, (0, 38))
    eye = torch.eye(40)
    graph = with_fused_products(single_operations(three, (x, eye)))
    found, exact = graph(x, eye)[0].double(), x.double().tanh()
    assert any(node.target is FUSED for node in graph.graph.nodes)
    assert ((found - exact).abs() <= 4 * 2**-24 * exact.abs()).all()


def three(x, w):
    return (torch.tanh(x @ w),)


@pytest.mark.parametrize("change", [lambda t: t.double(), lambda t: t[:20]], ids=["double", "few"])
def test_what_is_double_or_small_stays(change):
    x, w, b = change(X), W.to(change(X).dtype), B.to(change(X).dtype)
    graph = with_fused_products(single_operations(linear, (x, w, b)))
    assert not any(node.target is FUSED for node in graph.graph.nodes)


def test_without_the_library_the_graph_stays(monkeypatch):
    monkeypatch.setattr(onednn, "is_available", lambda: False)
    graph = with_fused_products(single_operations(linear, (X, W, B)))
    assert not any(node.target is FUSED for node in graph.graph.nodes)


@pytest.mark.parametrize("columns", [8, 40])
def test_narrow_products_are_turned(columns):
    def batched(x, y):
        return (x.transpose(1, 2) @ y, (x.transpose(1, 2) @ y).transpose(1, 2).reshape(3, -1))

    torch.manual_seed(0)
    x, y = torch.randn(3, 90, 64), torch.randn(3, 90, columns)
    graph = with_fused_products(single_operations(batched, (x, y)))
    first = graph(x, y)
    for one, other in zip(first, batched(x, y), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    shapes = {tuple(n.meta["val"].shape) for n in graph.graph.nodes if "bmm" in str(n.target)}
    assert shapes == {(3, 8, 64) if columns == 8 else (3, 64, 40)}

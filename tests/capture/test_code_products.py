"""Products by oneDNN are those of torch to rounding, and only large ones are taken."""

from itertools import product

import pytest
import torch

from pyrovae.capture import code_products as products
from pyrovae.capture.graph import trace
from pyrovae.capture.inductor import compile_graph

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"),
    reason="a torch without oneDNN",
)


@pytest.fixture
def by_onednn(monkeypatch):
    """As on a processor where oneDNN is preferred; the list gets the shape of each product."""
    seen, original = [], products._product

    def seen_product(a, b, bias=None):
        seen.append((a.shape[0], *b.shape))
        return original(a, b, bias)

    monkeypatch.setattr(products, "prefers_onednn", lambda: True)
    monkeypatch.setattr(products, "_product", seen_product)
    return seen


def factors(a_turned, b_turned, m=96, k=128, n=112, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    a, b = (
        torch.randn(shape[::-1] if turned else shape, generator=generator, dtype=dtype)
        for shape, turned in (((m, k), a_turned), ((k, n), b_turned))
    )
    return a.t() if a_turned else a, b.t() if b_turned else b


@needs_onednn
@pytest.mark.parametrize(("a_turned", "b_turned"), list(product([False, True], repeat=2)))
def test_against_the_product_in_double_precision(by_onednn, a_turned, b_turned):
    a, b = factors(a_turned, b_turned)
    row, matrix = torch.randn(112), torch.randn(96, 112)
    exact = a.double() @ b.double()
    # Each of the 128 sums rounds, of products of about one.
    near = {"rtol": 0.0, "atol": 128 * torch.finfo(torch.float32).eps * 4}
    whole = torch.empty(96, 224)
    out = whole[:, :112]  # as where a graph writes into a part of a tensor
    found = products.mm(a, b, out=out)
    assert found is out and not torch.equal(found, torch.zeros_like(out))
    torch.testing.assert_close(out.double(), exact, **near)
    for bias in (row, matrix):
        products.addmm(bias, a, b, alpha=1, beta=1, out=out)
        torch.testing.assert_close(out.double(), exact + bias.double(), **near)
    assert by_onednn == [(96, 128, 112)] * 3


@pytest.mark.parametrize(
    "kind", [{"m": 8}, {"dtype": torch.float64}, {"alpha": 2.0}, {"preferred": False}], ids=str
)
def test_others_are_torchs_own_to_the_last_bit(by_onednn, monkeypatch, kind):
    given = {name: kind[name] for name in ("m", "dtype") if name in kind}
    if not kind.get("preferred", True):
        monkeypatch.setattr(products, "prefers_onednn", lambda: False)
    a, b = factors(False, True, **given)
    bias, out = b[0].clone(), a.new_empty(len(a), b.shape[1])
    if "alpha" not in kind:
        assert torch.equal(products.mm(a, b, out=out), a @ b)
    scale = kind.get("alpha", 1)
    expected = torch.addmm(bias, a, b, alpha=scale)
    assert torch.equal(products.addmm(bias, a, b, alpha=scale, beta=1, out=out), expected)
    assert not by_onednn


@needs_onednn
def test_compiled_graphs_take_them(by_onednn, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    a, b = factors(False, False)
    small = b[:4].clone()
    traced = trace(lambda x: (torch.tanh(x @ b), x[:, :4] @ small), [a])
    code = compile_graph(traced.graph, [*traced.externals, a])
    found = code(*traced.externals, a)
    assert by_onednn == [(96, 128, 112)]
    torch.testing.assert_close(found[0], torch.tanh(a @ b), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[1], a[:, :4] @ small)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("model name: AMD EPYC\nflags: avx2 avx512f", True),
        ("model name: AMD EPYC\nflags: avx2", False),
        ("model name: Intel(R) Xeon(R)\nflags: avx2 avx512f", False),
    ],
)
def test_which_processors_prefer_it(monkeypatch, words, wanted):
    for library in (torch.backends.mkl, torch.backends.mkldnn):
        monkeypatch.setattr(library, "is_available", lambda: True)
    monkeypatch.setattr(products, "processor", lambda: words)
    wanted = wanted and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    assert products.prefers_onednn.__wrapped__() == wanted

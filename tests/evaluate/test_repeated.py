"""Functions that are called many times: when they are captured, and when not."""

import sys
import warnings

import pytest
import torch

from pyrovae.errors import CaptureWarning, ConfigError
from pyrovae.evaluate.repeated import Repeated

MODULE = sys.modules["pyrovae.evaluate.repeated"]


@pytest.fixture
def compiled(monkeypatch):
    """Sizes of the graphs that inductor would have compiled."""
    sizes = []

    def compile_graph(graph, tensors):
        sizes.append(len(tensors[-1]))
        return graph

    monkeypatch.setattr(MODULE, "compile_graph", compile_graph)
    return sizes


def repeated(function, **options):
    given = {"varying": 1, "calls": 1000, "numbers": 10, "device": torch.device("cpu")}
    return Repeated(function, "the test", **given | options)


def squared(runs):
    def run(a, x):
        runs.append(len(x))
        return a.exp() * x**2, None

    return run


@pytest.mark.parametrize(
    ("options", "graphs", "inductor"),
    [
        ({"calls": 10}, False, []),
        ({}, True, []),
        ({"compile": False}, False, []),
        ({"calls": 10, "compile": True}, True, [3, 4]),
        ({"calls": 10**6}, True, [3]),
        ({"numbers": 10**8}, True, [3]),
    ],
)
def test_the_work_ahead_decides(compiled, options, graphs, inductor):
    runs, a = [], torch.randn(())
    call = repeated(squared(runs), **options)
    for size in [3] * 8 + [4] * 8:  # the last block is smaller
        x = torch.randn(size)
        found, nothing = call(a, x)
        assert torch.equal(found, a.exp() * x**2) and nothing is None
    # Read, traced, called meanwhile, compared; of the second kind also the first call.
    assert len(runs) == (4 + 5 if graphs else 16)
    assert call.is_captured is graphs and compiled == inductor


def test_what_cannot_be_a_graph_is_called_with_a_warning_where_it_was_asked_for():
    def branching(a, x):
        return (x if a > 0 else -x,)

    a, x = torch.ones(()), torch.ones(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        call = repeated(branching)
        assert torch.equal(call(a, x)[0], x) and torch.equal(call(-a, x)[0], -x)
        assert "reads the value" in call.refusal and not call.is_captured
    with pytest.warns(CaptureWarning, match=r"the test is not compiled: test_repeated.py:\d+"):
        assert torch.equal(repeated(branching, compile=True)(a, x)[0], x)


def test_it_can_be_refused_from_outside():
    with pytest.warns(CaptureWarning, match="the test is not compiled: so be it") as caught:
        call = repeated(squared([]), compile=True)
        for _ in range(2):
            call.refuse("so be it")
    assert len(caught) == 1 and not call.is_captured
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        repeated(squared([])).refuse("so be it")


def test_another_word():
    with pytest.raises(ConfigError, match="compile is 'yes', and must be True, False or 'auto'"):
        repeated(squared([]), compile="yes")

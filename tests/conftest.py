"""What tests share: graphs without the compiler, and what a machine may lack."""

import functools
import gc

import matplotlib
import pytest

from pyrovae.capture import Captured, CapturedCall
from pyrovae.train import validation
from pyrovae.train.step import compiled

matplotlib.use("Agg")


@pytest.fixture
def interpreted(monkeypatch):
    """The graph as torch interprets it: the same operations, without the compiler's seconds."""
    monkeypatch.setattr(compiled, "Captured", functools.partial(Captured, compiler=None))
    call = functools.partial(CapturedCall, compiler=None)
    monkeypatch.setattr(validation, "CapturedCall", call)


@functools.cache
def why_no_torchvision():
    try:
        import torchvision.datasets  # noqa: F401
    except (ImportError, RuntimeError) as error:
        return str(error)
    return ""


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is imported and collected stays to the end: no collection of garbage looks at it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_runtest_setup(item):
    """Skip what reads files through torchvision where its build is not that of torch."""
    if item.get_closest_marker("torchvision") and why_no_torchvision():
        pytest.skip(f"torchvision cannot be imported: {why_no_torchvision()}")

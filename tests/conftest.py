"""What tests share: graphs without the compiler, and what a machine may lack."""

import functools
import gc
import os

import matplotlib
import pytest
from matplotlib.figure import Figure

from pyrovae.capture import Captured, CapturedCall
from pyrovae.train import validation
from pyrovae.train.step import compiled

matplotlib.use("Agg")


@pytest.fixture(scope="session", autouse=True)
def unsynced():
    """Files are not forced to the disk: only a machine that loses power could tell, and it waits.

    A test that makes `os.fsync` fail, or counts its calls, replaces this one.
    """
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture
def interpreted(monkeypatch):
    """The graph as torch interprets it: the same operations, without the compiler's seconds."""
    monkeypatch.setattr(compiled, "Captured", functools.partial(Captured, compiler=None))
    call = functools.partial(CapturedCall, compiler=None)
    monkeypatch.setattr(validation, "CapturedCall", call)


@pytest.fixture
def sketched(monkeypatch):
    """Pictures are written without what is in their axes: drawing takes most of a small fit."""
    render = Figure.savefig

    def sketch(figure, *args, **options):
        for axes in figure.axes:
            axes.set_visible(False)
        figure.set_layout_engine("none")
        figure.set_dpi(10)
        render(figure, *args, **options)

    monkeypatch.setattr(Figure, "savefig", sketch)


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

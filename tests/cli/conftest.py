"""A trained run for all tests of the command line, and an empty working folder."""

import shutil
import sys
from pathlib import Path

import pytest

from pyrovae.cli import main
from tests.cli import tampered
from tests.cli.commands import SMALL, run_process

# Tests that draw in earnest; in the others four pictures would be a third of a fit or more.
# The run that those of `test_fit` share is made by a process of its own, which draws in earnest.
DRAWING = {"test_labels", "test_capabilities", "test_hierarchies"}


@pytest.fixture(autouse=True)
def sketches(request):
    """Where pictures are not the claim, they are written without what is in their axes."""
    if request.module.__name__.rpartition(".")[2] not in DRAWING:
        request.getfixturevalue("sketched")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A run on the digits, made by a real process, and what that printed; not to be changed."""
    folder = tmp_path_factory.mktemp("cli")
    done = run_process("fit", "--data", "digits", *SMALL, "--run", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout


@pytest.fixture
def run_copy(small_run, tmp_path):
    """A copy of the small run, which a test may change."""
    return shutil.copytree(small_run[0], tmp_path / "out")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder, which is empty."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def honest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest") / "run"
    assert main([*tampered.FIT, "--run", str(folder)]) == 0
    return folder


@pytest.fixture
def trap(honest, tmp_path, monkeypatch):
    """A copy of the run, beside modules that a name in it could reach."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    marker = tmp_path / "EXECUTED"
    for name in tampered.NAMES:
        Path(f"{name}.py").write_text(tampered.PLANTED.format(marker=str(marker)))
    Path("pyrovae").mkdir()
    for name in ("__init__", "planted", "nn"):
        Path(f"pyrovae/{name}.py").write_text(tampered.PLANTED.format(marker=str(marker)))
    Path("other.yaml").write_text("objective: {name: planted.Objective}\n")
    shutil.copytree(honest, "run")
    before = set(sys.modules)
    yield marker
    assert not marker.exists(), "something of the stranger's was run"
    assert not [name for name in set(sys.modules) - before if name.split(".")[0] in tampered.NAMES]

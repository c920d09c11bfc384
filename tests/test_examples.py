"""Every example runs in smoke mode, is short, and prints a number at its end."""

import multiprocessing
import os
import re
import runpy
import sys
import warnings
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))

# A process for each example, forked from one that has the imports done: they take seconds.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["pyrovae", "pyrovae.cli", "matplotlib.pyplot", "sklearn.mixture", "sklearn.datasets"]
)


def run(path, folder):
    """The script, with --smoke and in that folder; its output goes to files there."""
    os.chdir(folder)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(os.open("stdout", os.O_CREAT | os.O_WRONLY), 1)
    os.dup2(os.open("stderr", os.O_CREAT | os.O_WRONLY), 2)
    warnings.filterwarnings("error", category=RuntimeWarning)
    sys.argv = [str(path), "--smoke"]
    sys.path.insert(0, str(path.parent))
    runpy.run_path(str(path), run_name="__main__")


def test_there_are_examples():
    assert [path.name[:2] for path in EXAMPLES] == [
        f"{i:02d}" for i in range(1, len(EXAMPLES) + 1)
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_in_smoke_mode(path, tmp_path):
    source = path.read_text()
    assert len(source.splitlines()) < 100
    assert f"python examples/{path.name}" in source, "the header says how to run it"
    process = PROCESSES.Process(target=run, args=(path, tmp_path))
    process.start()
    process.join(timeout=240)
    if process.exitcode is None:
        process.kill()
    assert process.exitcode == 0, (tmp_path / "stderr").read_text()
    printed = (tmp_path / "stdout").read_text().splitlines()
    assert any(re.search(r"\d\.\d", line) for line in printed[-3:])
    for picture in tmp_path.glob("*.png"):
        assert picture.stat().st_size > 5000

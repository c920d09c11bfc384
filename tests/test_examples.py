"""Every example runs in smoke mode, is short, and prints a number at its end."""

import re
import warnings
from pathlib import Path

import pytest

from tests.processes import forked, script

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))


def smoke(path):
    warnings.filterwarnings("error", category=RuntimeWarning)
    script(path, "--smoke")


def test_there_are_examples():
    assert [path.name[:2] for path in EXAMPLES] == [
        f"{i:02d}" for i in range(1, len(EXAMPLES) + 1)
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_in_smoke_mode(path, tmp_path):
    source = path.read_text()
    assert len(source.splitlines()) < 100
    assert f"python examples/{path.name}" in source, "the header says how to run it"
    done = forked(smoke, path, cwd=tmp_path, out=tmp_path, timeout=240)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    assert any(re.search(r"\d\.\d", line) for line in printed[-3:])
    for picture in tmp_path.glob("*.png"):
        assert picture.stat().st_size > 5000

"""Every example runs in smoke mode, is short, and prints a number at its end.

What it prints and draws is kept where the documentation takes it, which so need not run it again.
"""

import re
import sys
import warnings
from pathlib import Path

import pytest

from tests.processes import forked, script

sys.path.append(str(Path(__file__).parent.parent / "docs" / "extensions"))

from example_runs import EXAMPLES, ExampleRun  # noqa: E402


def smoke(path):
    warnings.filterwarnings("error", category=RuntimeWarning)
    script(path, "--smoke")


def test_there_are_examples():
    assert [path.name[:2] for path in EXAMPLES] == [
        f"{i:02d}" for i in range(1, len(EXAMPLES) + 1)
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_runs_in_smoke_mode(path):
    source = path.read_text()
    assert len(source.splitlines()) < 100
    assert f"python examples/{path.name}" in source, "the header says how to run it"
    run = ExampleRun(path, full=False)
    folder = run.emptied()
    done = forked(smoke, path, cwd=folder, out=folder, timeout=240)
    assert done.returncode == 0, done.stderr
    printed = done.stdout.splitlines()
    assert any(re.search(r"\d\.\d", line) for line in printed[-3:])
    for picture in run.pictures():
        assert picture.stat().st_size > 5000
    run.finish()


def test_a_run_is_made_again_where_its_example_has_changed(tmp_path, monkeypatch):
    example = tmp_path / "01_example.py"
    example.write_text("print(1.0)")
    monkeypatch.setattr("example_runs.RUNS", tmp_path / "runs")
    run = ExampleRun(example, full=True)
    run.make()
    assert run.is_there() and run.printed() == "1.0"
    (run.folder / "old.png").touch()
    run.make()  # nothing to do
    assert run.pictures()
    example.write_text("print(2.0)")
    assert not run.is_there()
    run.make()
    assert run.printed() == "2.0" and not run.pictures()
    example.write_text("raise SystemExit('broken')")
    with pytest.raises(RuntimeError, match="broken"):
        run.make()
    assert not run.is_there()

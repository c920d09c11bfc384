"""What cannot be written is said in one sentence, and what was printed or kept is not lost."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch

from pyrovae.cli import main
from pyrovae.errors import CheckpointError, SaveError
from pyrovae.evaluate.comparison.training_comparison import TrainingComparison
from pyrovae.reporting import Report, save_figure
from pyrovae.runtime import files
from pyrovae.train.checkpoint_file import read_checkpoint, write_checkpoint

WORDS = ["--model.latent_dim", "2", "--model.likelihood", "Binomial",
         "--model.likelihood.total_count", "16", "--device", "cpu", "--epochs", "1"]  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "r"
    assert main(["fit", *WORDS, "--test-particles", "0", "--run", str(folder)]) == 0
    return folder


def without_epochs(error):
    """The lines of standard error but for the log of epochs."""
    return [line for line in error.strip().splitlines() if " epoch 1/1: train " not in line]


def full(monkeypatch, name):
    """No room for files of this name."""
    fsync = os.fsync

    def failing(file):
        if name in os.readlink(f"/proc/self/fd/{file}"):
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", failing)


COMMANDS = {
    "report-test": ["evaluate", "--num-particles", "5", "--limit", "20"],
    "sample.png": ["sample", "--n", "4"],
    "sample.npz": ["sample", "--n", "4", "--out", "sample.npz"],
    "reconstruct.png": ["reconstruct", "--n", "4"],
    "traverse.png": ["traverse", "--units", "2"],
    "compare.csv": ["compare", "--draws", "4", "--limit", "4", "--evidence-particles", "20"],
    "compare.json": ["compare", "--draws", "4", "--limit", "4", "--evidence-particles", "20"],
    "compare.png": ["compare", "--draws", "4", "--limit", "4", "--evidence-particles", "20"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_room(name, trained, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    full(monkeypatch, name)
    command, *options = COMMANDS[name]
    before = {path.name for path in trained.iterdir()}
    assert main([command, str(trained), *options, "--device", "cpu"]) == 2
    out, error = capsys.readouterr()
    assert len(error.strip().splitlines()) == 1 and name in error
    assert "cannot be written (No space left on device); make room" in error
    made = {path.name for path in (*trained.iterdir(), *tmp_path.iterdir())} - before
    assert not any(n.startswith(name) or "unfinished" in n for n in made)
    if command in ("evaluate", "compare"):
        assert "ELBO" in out, "the table is printed first"


@pytest.mark.parametrize("name", ["config.yaml", "last.safetensors", "best.safetensors",
                                  "history.jsonl", "report.json", "samples.png"])  # fmt: skip
def test_no_room_while_training(name, capsys, monkeypatch, tmp_path):
    full(monkeypatch, name)
    few = ["--test-particles", "3"]
    assert main(["fit", *WORDS, *few, "--run", str(tmp_path / "r")]) == 2
    out, error = capsys.readouterr()
    assert len(without_epochs(error)) == 1 and "No space left" in error
    assert ("bits/dim" in out) == (name in ("report.json", "samples.png"))


def test_a_real_limit_of_the_system(tmp_path):
    """A process that may write files of so many bytes only."""
    path = tmp_path / "x.safetensors"
    write_checkpoint(path, {"a": torch.zeros(10)}, {})
    history = tmp_path / "history.jsonl"
    history.write_text("{}\n" * 300)
    script = f"""
        import resource, signal, torch
        from pathlib import Path
        from pyrovae.errors import CheckpointError
        from pyrovae.train.checkpoint_file import write_checkpoint
        from pyrovae.runtime.files import append_line
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        for attempt in (
            lambda: write_checkpoint(Path({str(path)!r}), {{"a": torch.zeros(1000)}}, {{}}),
            lambda: append_line(Path({str(history)!r}), "x" * 500),
        ):
            try:
                attempt()
            except (CheckpointError, OSError) as error:
                print("refused:", error)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(script)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.count("refused:") == 2 and "File too large" in done.stdout, done.stderr
    assert torch.equal(read_checkpoint(path)[0]["a"], torch.zeros(10))
    assert history.read_text() == "{}\n" * 300
    assert sorted(p.name for p in tmp_path.iterdir()) == ["history.jsonl", "x.safetensors"]


def test_places_that_no_file_can_have(tmp_path):
    (tmp_path / "file").write_text("")
    table, report = TrainingComparison([{"a": 1.0}], {}), Report((), {"a": 1.0})
    for place in ("file/below.x", "x" * 300, "/proc/nothing/x", "."):
        path = tmp_path / place
        for attempt in (
            lambda: table.to_csv(path),  # noqa: B023
            lambda: table.to_json(path),  # noqa: B023
            lambda: report.to_json(path),  # noqa: B023
            lambda: files.save(path, b""),  # noqa: B023
        ):
            with pytest.raises(SaveError, match="cannot be written"):
                attempt()
        with pytest.raises(CheckpointError, match="cannot be written|no such"):
            write_checkpoint(path, {}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    from matplotlib.figure import Figure

    with pytest.raises(SaveError):
        save_figure(tmp_path / "file" / "x.png", Figure())
    save_figure(tmp_path / "new" / ("x" * 250 + ".png"), Figure())


@pytest.mark.parametrize("place", ["/proc/nothing/r", "x" * 300, "file/r"])
def test_a_run_folder_that_cannot_be(place, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    assert main(["fit", *WORDS, "--run", place]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert main(["evaluate", place]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def shell(words, trained):
    command = f"{sys.executable} -m pyrovae {words}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, timeout=200,
        cwd=trained.parent, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_a_reader_that_goes_away(trained):
    done = shell("evaluate r --num-particles 5 --limit 20 | true", trained)
    assert (done.returncode, done.stderr) == (141, "")
    assert (trained / "report-test-5.json").exists()


def test_no_room_for_the_output(trained):
    done = shell("evaluate r --num-particles 6 --limit 20 > /dev/full", trained)
    assert done.returncode == 2
    assert done.stderr == "pyrovae evaluate: No space left on device\n"
    assert (trained / "report-test-6.json").exists()

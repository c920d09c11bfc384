"""Run folders and configurations that a stranger wrote: nothing of theirs is run or imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pyrovae.cli import main
from tests.cli.tampered import CASES, FIT, OTHERS, cls, edited, refused


@pytest.mark.parametrize("case", CASES)
def test_evaluating_a_tampered_run(case, trap, capsys):
    edited(CASES[case])
    before = sorted(path.name for path in Path("run").iterdir())
    refused(capsys, "evaluate", "run", "--num-particles", "2")
    assert sorted(path.name for path in Path("run").iterdir()) == before


SOME = ["a shell command", "a model by file", "data by import path", "a likelihood",
        "a network for a likelihood", "a module beside a data file", "another file",
        "a tag that applies", "many laughs", "a name twice"]  # fmt: skip


@pytest.mark.parametrize("case", SOME)
@pytest.mark.parametrize("command", OTHERS)
def test_other_commands_on_a_tampered_run(command, case, trap, capsys):
    edited(CASES[case])
    refused(capsys, *OTHERS[command])
    assert not Path("new").exists()


@pytest.mark.parametrize("case", ["a shell command", "a model by file", "many laughs"])
def test_beginning_at_a_tampered_run_reads_its_tensors_alone(case, trap):
    edited(CASES[case])
    words = [*FIT, "--from", "run", "--start", "1", "--run", "new"]
    assert main(words) == 2, "nothing of a VAE starts from data"
    assert main([*FIT, "--from", "run", "--run", "new"]) == 0


def test_messages_say_what_to_add(trap, capsys):
    edited({"model/encoder": "planted.Encoder"})
    error = refused(capsys, "sample", "run")
    assert "run/config.yaml: model.encoder names 'planted.Encoder'" in error
    assert error.endswith("name it again on the command line: --model.encoder planted.Encoder")
    edited({"model": {"name": "own.py"}})
    assert refused(capsys, "sample", "run").endswith("on the command line: --model own.py")
    edited({"model": {"name": "VAE", "latent_dim": 2, "likelihood": cls("pyrovae.nn.MLP")}})
    error = refused(capsys, "sample", "run")
    assert "model.likelihood names 'pyrovae.nn.MLP', which is no Likelihood" in error
    assert "Bernoulli, Beta, BetaBinomial" in error


def test_processes_that_are_started_import_nothing_from_the_working_folder(tmp_path):
    marker = tmp_path / "EXECUTED"
    for name in ("json", "sitecustomize", "typing"):
        (tmp_path / f"{name}.py").write_text(f"open({str(marker)!r}, 'w')\n")
    script = "import sys; from pyrovae.cli import main; sys.exit(main(sys.argv[1:]))"
    words = ["fit", "--model", "LadderVAE", "--model.latent_dims", "[2,2]", "--epochs", "no"]
    done = subprocess.run(  # as the installed command: without the working folder on the path
        [sys.executable, "-P", "-c", script, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2 and "epochs" in done.stderr, done.stderr
    assert not marker.exists()


def test_a_file_called_like_the_configuration_is_not_read(trap, capsys):
    """jsonargparse takes the value of `--config` for a path first."""
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    words = {name: config[name] for name in ("data", "model", "objective")}
    text = yaml.safe_dump(words)
    Path("run/config.yaml").write_text(text)
    short = yaml.safe_dump({"data": {"name": "digits"}, "model": {"name": "VAE"},
                            "objective": {"name": "ELBO"}})  # fmt: skip
    evil = yaml.safe_dump({**words, "objective": {"name": "./planted.py:Objective"}})
    for name in (text, short):
        if len(name.encode()) < 255 and "/" not in name:
            Path(name).write_text(evil)
    Path("short.yaml").write_text(short)
    main(["fit", "--config", "short.yaml", "--model.latent_dim", "2", "--epochs", "1",
          "--test-particles", "0", "--run", "another"])  # fmt: skip
    main(["evaluate", "run", "--num-particles", "2", "--limit", "2"])

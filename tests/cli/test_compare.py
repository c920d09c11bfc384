"""`pyrovae compare`: a table, its files, and one sentence where it cannot."""

import csv
import json
from pathlib import Path

import pytest

from pyrovae.cli import main

FIT = [
    "fit", "--data", "digits", "--model.latent_dim", "2", "--model.likelihood", "Binomial",
    "--model.encoder", "MLP", "--model.encoder.hidden", "[8]",
    "--model.decoder", "MLP", "--model.decoder.hidden", "[8]",
    "--epochs", "1", "--test-particles", "0", "--run", "run",
]  # fmt: skip
QUICK = ["--draws", "5", "--limit", "6", "--evidence-particles", "30", "--num-particles", "4"]

OWN = """
from pyrovae.objectives import ParticleELBO

class Mine(ParticleELBO):
    def bound(self, p):
        return p.log_w.amax(0)

def not_one():
    return 3
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("compare")


@pytest.fixture
def run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    if not Path("run").exists():
        Path("own.py").write_text(OWN)
        assert main(FIT) == 0
    return Path("run")


def refused(capsys, *words):
    capsys.readouterr()
    assert main(["compare", *map(str, words)]) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1 and error.startswith("pyrovae compare"), error
    return error


def test_table_csv_json_and_picture(run, capsys):
    names = ["ELBO", "IWAE", "Renyi(alpha=0.5)", "TraceMeanField_ELBO", "own.py:Mine"]
    assert main(["compare", str(run), "--objectives", *names, *QUICK, "--out", "t.csv"]) == 0
    printed = capsys.readouterr().out
    for word in (*names, "equal K (4)", "importance sampling, K = 30", "t.png"):
        assert word in printed
    with (run / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["objective"] for row in rows] == names
    assert {row["num_particles"] for row in rows} == {"4"}
    assert json.loads((run / "t.json").read_text())["num_data"] == 6
    assert (run / "t.png").read_bytes().startswith(b"\x89PNG")


def test_equal_evaluations(run, capsys):
    words = ["--objectives", "IWAE", "RenyiELBO(alpha=0, num_particles=2)", *QUICK]
    assert main(["compare", str(run), *words, "--equal", "evaluations"]) == 0
    assert "equal decoder evaluations (4)" in capsys.readouterr().out
    with (run / "compare.csv").open() as file:
        assert {row["decoder_evaluations"] for row in csv.DictReader(file)} == {"4.0"}


def test_bad_input(run, capsys):
    assert "no such objective" in refused(capsys, run, "--objectives", "IWEA")
    assert "order" in refused(capsys, run, "--objectives", "Renyi(order=2)")
    assert "alpha" in refused(capsys, run, "--objectives", "Renyi")
    assert "cannot read its arguments" in refused(capsys, run, "--objectives", "Renyi(0.5")
    assert "cannot read its arguments" in refused(capsys, run, "--objectives", "Renyi(alpha=x)")
    assert "gave a int" in refused(capsys, run, "--objectives", "own.py:not_one")
    assert "num_particles=0" in refused(capsys, run, "--num-particles", 0)
    assert "--out x.png" in refused(capsys, run, "--out", "x.png")
    assert "--limit 0" in refused(capsys, run, "--limit", 0)
    assert "two draws or more" in refused(capsys, run, *QUICK, "--draws", 1)
    assert "no run folder" in refused(capsys, "nowhere")
    assert "equal" in refused(capsys, run, "--equal", "time")

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

DISCRETE = """
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import config_enumerate


def model(x):
    weight = pyro.param("w", 0.1 * torch.ones(3, 64))
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Categorical(x.new_ones(3) / 3))
        logits = weight[z].reshape(z.shape + (1, 8, 8))
        pyro.sample("x", dist.Binomial(16, logits=logits).to_event(3), obs=x)


@config_enumerate
def guide(x):
    logits = pyro.param("q", torch.zeros(3))
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Categorical(logits=logits))
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


def test_annealed_truth(run, capsys):
    words = ["--truth", "ais", "--temperatures", "3", "--chains", "2", *QUICK, "--out", "a.csv"]
    assert main(["compare", str(run), *words]) == 0
    assert "(annealed importance sampling from the guide, 3 temperatures, 2 chains" in (
        capsys.readouterr().out
    )
    facts = json.loads((run / "a.json").read_text())
    assert facts["log_px_error"] > 0
    assert facts["rows"][0]["gap"] == pytest.approx(facts["log_px"] - facts["rows"][0]["bound"])


def test_enumerated_latents(run, capsys):
    Path("discrete.py").write_text(DISCRETE)
    fit = ["fit", "--data", "digits", "--model", "discrete.py", "--objective", "TraceEnum_ELBO",
           "--epochs", "1", "--test-particles", "0", "--run", "discrete"]  # fmt: skip
    assert main(fit) == 0
    names = ["TraceEnum_ELBO", "ELBO", "VIMCO"]
    capsys.readouterr()
    words = ["compare", "discrete", "--model", "discrete.py", "--objectives", *names, *QUICK]
    assert main(words) == 0
    with Path("discrete/compare.csv").open() as file:
        exact, elbo, _ = csv.DictReader(file)
    assert float(exact["bound_monte_carlo_error"]) < 1e-3 and exact["kind"] == "lower"
    off = float(elbo["bound"]) - float(exact["bound"])
    assert abs(off) < 4.5 * float(elbo["bound_monte_carlo_error"]) + 1e-2


def test_bad_input(run, capsys):
    assert "no such objective" in refused(capsys, run, "--objectives", "IWEA")
    assert "no argument order; Renyi takes alpha" in refused(
        capsys, run, "--objectives", "Renyi(order=2)"
    )
    assert "cannot read its arguments" in refused(capsys, run, "--objectives", "Renyi(0.5")
    assert "cannot read its arguments" in refused(capsys, run, "--objectives", "Renyi(alpha=x)")
    assert "gave a int" in refused(capsys, run, "--objectives", "own.py:not_one")
    assert "--num-particles 0" in refused(capsys, run, "--num-particles", 0)
    assert "--out x.png" in refused(capsys, run, "--out", "x.png")
    assert "--limit 0" in refused(capsys, run, "--limit", 0)
    assert "two draws or more" in refused(capsys, run, *QUICK, "--draws", 1)
    assert "no run folder" in refused(capsys, "nowhere")
    assert "equal" in refused(capsys, run, "--equal", "time")
    assert "--truth" in refused(capsys, run, "--truth", "exact")
    assert "VIMCO got num_particles=1, needs >= 2" in refused(
        capsys, run, "--objectives", "VIMCO", "--num-particles", 1
    )

"""`pyrovae compare-training`: what a run trained, trained anew under several objectives."""

import csv
import json
from pathlib import Path

import pytest

import pyrovae
from pyrovae.cli import main
from pyrovae.data import digits

SMALL = ["--epochs", "1", "--test-particles", "0", "--batch-size", "300", "--lr", "0.01"]
VAE = [
    "--model.latent_dim", "2", "--model.likelihood", "Binomial",
    "--model.encoder", "MLP", "--model.encoder.hidden", "[8]",
    "--model.decoder", "MLP", "--model.decoder.hidden", "[8]",
]  # fmt: skip
QUICK = ["--limit", "20", "--evidence-particles", "20", "--num-particles", "3"]

OWN = """
import pyro
import pyro.distributions as dist
import torch
from torch import nn

net = nn.Linear(64, 6)


def model(x):
    w = pyro.param("w", lambda: 0.1 * torch.randn(3, 64))
    with pyro.plate("rows", len(x)):
        z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
        logits = (z @ w).reshape(*z.shape[:-1], 1, 8, 8)
        pyro.sample("x", dist.Binomial(16, logits=logits).to_event(3), obs=x)


def guide(x):
    pyro.module("net", net)
    with pyro.plate("rows", len(x)):
        loc, log_scale = net(x.flatten(1) / 16).chunk(2, -1)
        pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("training")


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    if not Path("run").exists():
        Path("own.py").write_text(OWN)
        assert main(["fit", "--data", "digits", *VAE, *SMALL, "--run", "run"]) == 0
    return folder


def compared(run, *words):
    code = main(["compare-training", run, *words, *QUICK])
    assert code == 0
    with (Path(run) / "compare-training.csv").open() as file:
        return list(csv.DictReader(file))


def test_table_and_files(here, capsys):
    kept = {p.name: p.read_bytes() for p in Path("run").iterdir() if "compare" not in p.name}
    words = ["--objectives", "ELBO(num_particles=1)", "IWAE", "ELBO(num_particles=1)",
             "--epochs", "2", "--seeds", "3", "1"]  # fmt: skip
    elbo, iwae, again = compared("run", *words)
    assert elbo["objective"] == "ELBO(num_particles=1)"
    assert iwae["objective"] == "IWAE(num_particles=3)"
    assert elbo["nll_by_seed"] == again["nll_by_seed"] != iwae["nll_by_seed"]
    assert float(again["difference"]) == 0 and float(iwae["difference"]) != 0
    assert {row["steps"] for row in (elbo, iwae)} == {str(2 * -(-_num_train() // 300))}
    printed = capsys.readouterr().out
    assert "IWAE(num_particles=3), seed 1: NLL" in printed
    assert "2 epochs each, seeds [3, 1]; NLL of 20 data" in printed
    facts = json.loads(Path("run/compare-training.json").read_text())
    assert facts["epochs"] == 2 and facts["seeds"] == [3, 1] and facts["num_particles"] == 20
    after = {p.name: p.read_bytes() for p in Path("run").iterdir() if "compare" not in p.name}
    assert after == kept


def _num_train():
    return len(digits().train)


def test_the_settings_are_those_of_the_run(here):
    """The same as the library's own function on the same architecture."""
    from functools import partial

    import torch

    from pyrovae.models import VAE as Family
    from pyrovae.nn import MLP, Binomial
    from pyrovae.objectives import IWAE

    (row,) = compared("run", "--objectives", "IWAE", "--seeds", "4", "--device", "cpu")
    network = partial(MLP, hidden=(8,))
    table = pyrovae.compare_training(
        lambda: Family((1, 8, 8), 2, encoder=network, decoder=network, likelihood=Binomial(16)),
        digits().train,
        [IWAE(3)],
        epochs=1,
        seeds=[4],
        test=digits().test[:20],
        batch_size=300,
        optimizer=lambda leaves: torch.optim.Adam(leaves, lr=0.01, fused=True),
        num_particles=20,
        device="cpu",
        progress=False,
    )
    assert float(row["nll"]) == pytest.approx(table.rows[0]["nll"], rel=1e-6)


def test_a_file_that_makes_its_networks_is_read_again_for_each_run(here):
    fit = ["fit", "--data", "digits", "--model", "own.py", *SMALL, "--run", "own"]
    assert main(fit) == 0
    words = ["--objectives", "ELBO", "ELBO", "--seeds", "0", "--model", "own.py"]
    elbo, again = compared("own", *words)
    assert elbo["nll"] == again["nll"]


def test_bad_input(here, capsys):
    def refused(*words):
        capsys.readouterr()
        assert main(["compare-training", *words]) == 2
        error = capsys.readouterr().err.strip()
        assert len(error.splitlines()) == 1 and error.startswith("pyrovae compare-training: ")
        return error

    assert "no run folder" in refused("nowhere")
    assert "--objectives Nope: there is no such objective" in refused(
        "run", "--objectives", "Nope"
    )
    assert "must be given" in refused("run", "--objectives", "MIWAE")
    assert "--out x.png" in refused("run", "--out", "x.png")
    assert "--epochs 0" in refused("run", "--epochs", "0")
    assert "--seeds" in refused("run", "--seeds", "-1")


def test_help_names_what_it_takes_over(capsys):
    assert main(["compare-training", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    for word in ("--seeds", "--epochs", "by one evaluator for all", "those of the run"):
        assert word in words
    assert main(["--help"]) == 0
    assert "compare-training" in capsys.readouterr().out

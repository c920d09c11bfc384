"""A pair of the user's own with the methods of a family gets what a built-in family gets."""

import json
from pathlib import Path

import numpy as np
import pytest

from pyrovae.cli import main
from pyrovae.cli.library import offering
from pyrovae.models import capabilities

# A pair that takes nothing from `pyrovae.models`, and can do all that a family can.
OWN = """
import pyro
import pyro.distributions as dist
import torch
from torch import nn


class Mine(nn.Module):
    takes_labels = True
    num_strata = 10

    def __init__(self, data_shape, latent_dim: int = 2):
        super().__init__()
        self.encoder = nn.Linear(64, 2 * latent_dim)
        self.decoder = nn.Linear(latent_dim + 10, 64)
        self.bias = nn.Parameter(torch.zeros(64))

    def model(self, x, y):
        pyro.module("decoder", self)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", self.decode(z, y), obs=x)

    def guide(self, x, y):
        pyro.module("encoder", self)
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x.flatten(1) / 16).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    def decode(self, z, y):
        hot = nn.functional.one_hot(y, 10).float().expand(*z.shape[:-1], 10)
        logits = self.decoder(torch.cat([z, hot], -1)) + self.bias
        return dist.Binomial(16, logits=logits.reshape(*z.shape[:-1], 1, 8, 8)).to_event(3)

    def start(self, x, *, seed=0):
        self.bias.data = torch.logit((x.flatten(1).mean(0) / 16).clamp(0.01, 0.99))

    def generate_classes(self, classes, *, mean=True):
        assert not self.training and not torch.is_grad_enabled()
        made = self.decode(torch.randn(len(classes), 2), classes)
        return made.mean if mean else made.sample()

    def predict(self, x):
        assert not self.training and not torch.is_grad_enabled()
        return dist.Categorical(logits=torch.eye(10)[3].expand(len(x), 10))

    def clusters(self, x):
        return torch.ones(len(x), 10) / 10

    def num_observed(self, x, y):
        return 32.0

    def figures(self, x, y):
        assert not self.training and len(x) == len(y)
        return [("evidence", "p(x|y)", "what ELBO and NLL are of", {}),
                ("mean level", f"{x.mean():.2f}", "of the data", {"mean_level": float(x.mean())})]
"""
FIT = ["fit", "--data", "digits", "--model", "own.py:Mine", "--epochs", "1", "--start", "100",
       "--test-particles", "3", "--device", "cpu", "--run", "run"]  # fmt: skip
BUILT_IN = ["fit", "--data", "digits", "--model", "ConditionalVAE", "--model.num_classes", "10",
            "--model.latent_dim", "2", "--model.likelihood", "Binomial", "--epochs", "1",
            "--test-particles", "3", "--device", "cpu", "--run", "family"]  # fmt: skip
NAMED = ["--model", "own.py:Mine"]


def test_the_same_commands_rows_and_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN)
    assert main(FIT) == 0
    printed = capsys.readouterr().out
    assert "started at 100 data" in printed
    assert "advice: --objective StratifiedELBO --objective.num_particles 10" in printed
    for row in ("evidence", "mean level", "accuracy", "cluster accuracy", "32 observed values"):
        assert row in printed
    facts = json.loads(Path("run/report.json").read_text())
    assert 0.05 < facts["accuracy"] < 0.2 and 0.05 < facts["cluster_accuracy"] < 0.2
    assert facts["mean_level"] == pytest.approx(4.9, abs=0.2)
    assert facts["bits_per_dim"] == pytest.approx(facts["nll"] / 32 / np.log(2), rel=1e-6)

    sample = ["sample", "run", *NAMED, "--n", "4", "--classes", "3", "7", "--out", "made.npz"]
    assert main(sample) == 0
    assert np.load("made.npz")["x"].shape == (4, 1, 8, 8)
    for command in ("sample", "reconstruct", "traverse"):
        assert main([command, "run", *NAMED]) == 0
        assert Path(f"run/{command}.png").is_file()
    assert main(["evaluate", "run", *NAMED, "--num-particles", "2", "--limit", "20"]) == 0
    assert "accuracy" in capsys.readouterr().out

    assert main(BUILT_IN) == 0
    pictures = {path.name for path in Path("family").glob("*.png")}
    assert pictures == {p.name for p in Path("run").glob("*.png")} - {
        "sample.png", "reconstruct.png", "traverse.png"
    }  # fmt: skip


def test_a_file_with_functions_has_them_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(
        OWN
        + "\npair = Mine((1, 8, 8))\nmodel, guide, takes_labels = pair.model, pair.guide, True\n"
        + "figures, clusters = pair.figures, pair.clusters\n"
    )
    words = ["fit", "--model", "own.py", "--epochs", "1", "--test-particles", "3", "--run", "run"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "mean level" in printed and "cluster accuracy" in printed


def test_what_a_pair_cannot_do_is_refused_by_the_name_of_the_method(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN.replace("def generate_classes", "def other")
                              .replace("def start", "def begin"))  # fmt: skip
    assert main(FIT) == 2
    assert "no module with a method `start(x, *, seed)`" in capsys.readouterr().err
    assert main([word for word in FIT if word not in ("--start", "100")]) == 0
    assert main(["sample", "run", *NAMED, "--classes", "3"]) == 2
    error = capsys.readouterr().err
    names = ", ".join(offering(capabilities.GeneratesClasses))
    assert f"Mine knows no classes; {names} do" in error and "ConditionalVAE" in names
    assert "`generate_classes(classes, *, mean)`" in error


def test_families_that_offer_a_capability():
    assert offering(capabilities.Classifies) == ["SemiSupervisedVAE"]
    assert offering(capabilities.FindsClusters) == ["MixtureVAE"]
    assert offering(capabilities.CountsObserved) == [
        "DeepMarkovModel", "PartialVAE", "TableVAE", "VariationalRNN",
    ]  # fmt: skip
    assert offering(capabilities.CountsTokens) == ["SequenceToSequence", "TextVAE"]
    assert "VAE" in offering(capabilities.StartsFromData)
    assert "VQVAE" in offering(capabilities.HasFigures)

"""Families that are called with something beside x, and clusters, by name."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from pyrovae.cli import main
from pyrovae.data import Split
from pyrovae.models import SemiSupervisedVAE
from pyrovae.particles import simulate
from pyrovae.reporting import Report, making, with_figures

LATENT = ["--model.latent_dim", "2"]
HOLES = ["--data", "arrays", "--data.x", "holes.npy", "--data.missing", "true"]
OPTIONS = {
    "classes given": (
        "p(x|y)",
        ["--data", "digits", "--model", "ConditionalVAE", "--model.num_classes", "10", *LATENT],
    ),
    "few labels": (
        "accuracy",
        ["--data", "digits", "--num-labelled", "50", "--model", "SemiSupervisedVAE", *LATENT,
         "--model.num_classes", "10", "--objective", "StratifiedELBO",
         "--objective.num_particles", "10"],
    ),
    "clusters": (
        "cluster accuracy",
        ["--data", "digits", "--model", "MixtureVAE", "--model.num_clusters", "10", *LATENT],
    ),
    "missing values": (
        "observed values a datum",
        [*HOLES, "--model", "PartialVAE", *LATENT],
    ),
}  # fmt: skip
BINOMIAL = ["--model.likelihood", "Binomial", "--model.likelihood.total_count", "16"]


@pytest.fixture
def holes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = load_digits().images[:300, None].astype(np.float32)
    x[np.random.default_rng(0).random(x.shape) < 0.5] = np.nan
    np.save("holes.npy", x)
    return x


@pytest.mark.parametrize("name", OPTIONS)
def test_every_command(name, holes, capsys):
    words, options = OPTIONS[name]
    fit = ["fit", *options, *BINOMIAL, "--epochs", "1", "--test-particles", "2"]
    assert main([*fit, "--device", "cpu", "--run", "out"]) == 0
    assert words in capsys.readouterr().out
    for command in ("sample", "reconstruct"):
        assert main([command, "out", "--n", "4"]) == 0
        assert Path(f"out/{command}.png").read_bytes().startswith(b"\x89PNG")
    assert main(["traverse", "out", "--units", "2", "--steps", "3"]) == 0
    by_class = ["sample", "out", "--n", "5", "--classes", "3", "7", "--out", "made.npz"]
    assert main(by_class) == (2 if name == "missing values" else 0)
    if name == "missing values":
        assert "PartialVAE knows no classes" in capsys.readouterr().err
    else:
        assert np.load("made.npz")["x"].shape == (5, 1, 8, 8)
        assert main(["sample", "out", "--classes", "12"]) == 2
        assert "12" in capsys.readouterr().err


def test_bits_are_those_of_what_was_observed(holes):
    fit = ["fit", *HOLES, "--data.val", "0", "--data.test", "299", "--model", "PartialVAE"]
    fit += [*LATENT, *BINOMIAL, "--epochs", "1", "--test-particles", "2", "--device", "cpu"]
    assert main([*fit, "--run", "out"]) == 0
    facts = json.loads(Path("out/report.json").read_text())
    observed = facts["nll"] / facts["bits_per_dim"] / math.log(2)
    assert observed == pytest.approx((~np.isnan(holes)).sum() / len(holes), rel=0.01)


@pytest.mark.parametrize(("change", "model", "said"), [
    (["--quadrants", "2"], ["ConditionalVAE", "--model.condition_shape", "[32]"], "p(x|y)"),
    (["--missing", "0.3"], ["PartialVAE"], "observed values a datum"),
])  # fmt: skip
def test_data_changed_by_an_option(change, model, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fit = [
        "fit",
        "--data",
        "digits",
        "--data.binarize",
        "static",
        *change,
        "--model",
        *model,
        *LATENT,
    ]
    assert main([*fit, "--epochs", "1", "--test-particles", "2", "--run", "out"]) == 0
    assert said in capsys.readouterr().out
    assert main(["evaluate", "out", "--num-particles", "2", "--limit", "20"]) == 0


def test_accuracy_is_that_of_the_labelled():
    torch.manual_seed(0)
    pair = SemiSupervisedVAE((4,), 2, 3)
    x, found = torch.rand(40, 4).round(), Report((), {"nll": None})
    likeliest = pair.predict(x).probs.argmax(-1)
    y = torch.where(torch.arange(40) < 10, likeliest, (likeliest + 1) % 3)
    for unknown, share in ((0, 10 / 40), (20, 10 / 20)):
        told = torch.where(torch.arange(40) < 40 - unknown, y, -1)
        assert with_figures(found, pair, Split(x, y=told)).facts["accuracy"] == share


def test_samples_are_of_classes_that_training_knew(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, y = np.random.default_rng(0).integers(0, 2, (60, 1, 4, 4)), np.arange(60) % 2
    y[20:] = 2  # in the test data alone
    Path("own.py").write_text(
        "import numpy as np, torch\n"
        "from pyrovae.data import Dataset, Split\n"
        "def rows():\n"
        "    held = np.load('rows.npz')\n"
        "    x, y = torch.tensor(held['x']).float(), torch.tensor(held['y'])\n"
        "    parts = [Split(x[i], y=y[i]) for i in (slice(20), slice(0), slice(20, None))]\n"
        "    return Dataset('rows', *parts, {'binarize': 'static'})\n"
    )
    np.savez("rows.npz", x=x, y=y)
    fit = ["fit", "--data", "own.py:rows", "--model", "ConditionalVAE", "--model.num_classes"]
    fit += ["3", *LATENT, "--epochs", "1", "--test-particles", "0", "--run", "out"]
    assert main(fit) == 0
    asked = []

    def watched(model, x, y, **options):
        asked.append(y)
        return simulate(model, x, y, **options)

    monkeypatch.setattr(making, "simulate", watched)
    assert main(["sample", "out", "--data", "own.py:rows", "--n", "6", "--out", "made.npz"]) == 0
    assert sorted(asked[0].unique().tolist()) == [0, 1]
    assert main(["sample", "out", "--data", "own.py:rows", "--classes", "2"]) == 2


def test_advice_where_classes_are_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fit = [
        "fit",
        "--data",
        "digits",
        "--num-labelled",
        "50",
        "--model",
        "SemiSupervisedVAE",
        *LATENT,
    ]
    fit += ["--model.num_classes", "10", *BINOMIAL, "--epochs", "1", "--test-particles", "0"]
    assert main([*fit, "--run", "out"]) == 0
    assert "--objective StratifiedELBO --objective.num_particles 10" in capsys.readouterr().out

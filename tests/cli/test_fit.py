"""`pyrovae fit`: what it leaves, what it reads, and what it resumes."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml

from pyrovae.capture import Captured
from pyrovae.cli import main
from pyrovae.train.step import compiled
from tests.cli.commands import SMALL, fit, is_png


def test_fit_leaves_a_run_folder_and_a_table(small_run):
    folder, printed = small_run
    for row in ("ELBO", "reconstruction", "KL z", "NLL", "bits/dim", "active units", "ESS",
                "Pareto k-hat", "trained", "measured in"):  # fmt: skip
        assert row in printed
    names = {path.name for path in folder.iterdir()}
    assert {"config.yaml", "history.jsonl", "last.safetensors", "best.safetensors"} <= names
    for name in ("curves", "reconstructions", "samples", "latents"):
        assert is_png(folder / f"{name}.png")
    lines = (folder / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    facts = json.loads((folder / "report.json").read_text())
    assert facts["nll"] > 0 and facts["nll"] < -facts["elbo"] + 1
    assert facts["reconstruction"] - facts["kl"] == pytest.approx(facts["elbo"])


@pytest.mark.parametrize("steps", [1, 2])
def test_a_compiled_fit_is_the_same_fit(small_run, tmp_path, monkeypatch, capsys, steps):
    """With the compiler, and with two steps in a graph that torch interprets."""
    if steps > 1:
        monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))
    words = ["--data", "digits", *SMALL, "--compile", "--steps-per-call", steps]
    assert fit(*words, "--run", tmp_path / "fast") == 0
    assert "after compiling for" in capsys.readouterr().out
    for one, other in zip(_history(small_run[0]), _history(tmp_path / "fast"), strict=True):
        assert one["train"] == pytest.approx(other["train"], rel=1e-5)


def _history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_evaluate_sample_and_reconstruct(run_copy, capsys):
    words = ["evaluate", str(run_copy), "--num-particles", "40", "--limit", "50"]
    assert main(words) == 0
    assert "K = 40" in capsys.readouterr().out
    assert json.loads((run_copy / "report-test-40.json").read_text())["num_data"] == 50

    assert main(["sample", str(run_copy), "--n", "9"]) == 0
    assert is_png(run_copy / "sample.png")
    out = run_copy / "r.npz"
    assert main(["reconstruct", str(run_copy), "--n", "5", "--out", str(out)]) == 0
    arrays = np.load(out)
    assert arrays["x"].shape == arrays["reconstruction"].shape == (5, 1, 8, 8)


def test_yaml_holds_the_configuration_and_words_go_over_it(here):
    config = {
        "data": {"name": "digits", "binarize": "dynamic"},
        "model": {"latent_dim": 3, "posterior": "FullNormal"},
        "objective": {"name": "IWAE", "num_particles": 4},
        "epochs": 5,
        "test_particles": 0,
    }
    Path("c.yaml").write_text(yaml.safe_dump(config))
    assert fit("--config", "c.yaml", "--epochs", 1, "--run", "r") == 0
    kept = yaml.safe_load(Path("r/config.yaml").read_text())
    assert kept["epochs"] == 1
    assert kept["objective"]["num_particles"] == 4
    assert kept["data"]["binarize"] == "dynamic"
    assert len(Path("r/history.jsonl").read_text().splitlines()) == 1
    assert fit("--config", "r/config.yaml", "--epochs", 2, "--run", "r", "--resume") == 0
    assert len(Path("r/history.jsonl").read_text().splitlines()) == 2
    assert fit("--epochs", 3, "--run", "r", "--resume") == 0, "it knows its configuration"
    assert len(Path("r/history.jsonl").read_text().splitlines()) == 3


def test_yaml_says_yes_and_no_without_quotes(here):
    Path("c.yaml").write_text("compile: no\nepochs: 1\ntest_particles: 0\ndata: {name: digits}\n")
    assert fit("--config", "c.yaml", *SMALL, "--run", "r") == 0
    assert yaml.safe_load(Path("r/config.yaml").read_text())["compile"] == "no"
    assert fit("--run", "r", "--resume", "--epochs", 2) == 0


def test_precision_and_memory_are_kept_with_the_run(here):
    words = ["--objective", "IWAE", "--objective.num_particles", "20", "--test-particles", "0"]
    options = ["--precision", "bf16", "--memory", "20000000", "--epochs", "1", "--device", "cpu"]
    assert fit("--data", "digits", *SMALL, *words, *options, "--run", "r") == 0
    kept = yaml.safe_load(Path("r/config.yaml").read_text())
    assert (kept["precision"], kept["memory"]) == ("bf16", 20_000_000)
    more = ["--epochs", "2", "--memory", "30000000"]
    assert fit("--run", "r", "--resume", *more) == 0
    assert fit("--run", "r", "--resume", "--epochs", "3", "--precision", "full") != 0
    assert fit("--data", "digits", *SMALL, "--precision", "half", "--run", "other") != 0


def test_a_last_batch_is_dropped_where_asked(tmp_path, capsys):
    words = [
        "fit", "--data", "digits", "--data.binarize", "static", "--model", "VAE",
        "--model.latent_dim", "2", "--epochs", "1", "--batch-size", "400",
        "--test-particles", "0", "--device", "cpu",
    ]  # fmt: skip
    for name, extra, steps in (("all", [], 3), ("whole", ["--drop-last"], 2)):
        main([*words, *extra, "--run", str(tmp_path / name)])
        assert f"trained {steps} steps" in capsys.readouterr().out


def test_numbers_of_64_bits_are_trained_and_opened_again(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = np.random.default_rng(0).normal(size=(60, 5))
    np.savetxt("own.csv", rows, delimiter=",", header="a,b,c,d,e", comments="")
    words = "--data own.csv --model VAE --model.latent_dim 2 --model.likelihood LearnedNormal"
    assert main(f"fit {words} --epochs 1 --test-particles 3 --device cpu --run r".split()) == 0
    for command in ("sample r", "reconstruct r", "evaluate r --num-particles 3"):
        assert main([*command.split(), "--device", "cpu"]) == 0, capsys.readouterr().err
    np.save("large.npy", rows + 1e9)
    words = words.replace("own.csv", "large.npy")
    assert main(f"fit {words} --epochs 1 --device cpu --run s".split()) == 2
    assert "--data, train: x" in capsys.readouterr().err

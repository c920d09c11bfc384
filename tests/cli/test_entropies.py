"""`pyrovae entropies` and `pyrovae sample-quality` on a small run."""

import json

import numpy as np
import pytest

from pyrovae.cli import main

FIT = [
    "fit", "--data", "digits", "--model.latent_dim", "2", "--model.encoder", "MLP",
    "--model.encoder.hidden", "[8]", "--model.decoder", "MLP", "--model.decoder.hidden", "[8]",
    "--epochs", "1", "--test-particles", "5",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    run = tmp_path_factory.mktemp("digits") / "run"
    words = ["--data.binarize", "dynamic", "--model.likelihood", "Bernoulli", "--run", str(run)]
    assert main([*FIT, *words]) == 0
    return run


def test_entropies_of_a_run(folder, capsys):
    capsys.readouterr()
    assert main(["entropies", str(folder), "--limit", "100", "--num-particles", "5"]) == 0
    printed = capsys.readouterr().out
    assert "sum of entropies" in printed and "'x': its condition is met" in printed
    found = json.loads((folder / "entropies.json").read_text())
    assert found["num_data"] == 100 and found["difference"] == pytest.approx(
        found["elbo"] - found["sum"], abs=1e-9
    )
    assert np.load(folder / "entropies.npz")["elbo"].shape == (100,)
    assert (folder / "entropies.png").read_bytes().startswith(b"\x89PNG")


def test_levels_have_no_sum_of_entropies(tmp_path, capsys):
    run = tmp_path / "run"
    words = ["--model.likelihood", "Binomial", "--model.likelihood.total_count", "16"]
    assert main([*FIT, *words, "--run", str(run)]) == 0
    assert main(["entropies", str(run)]) == 2
    assert "constant base measure" in capsys.readouterr().err
    assert not (run / "entropies.json").exists()


def test_sample_quality_of_a_run(folder, tmp_path, capsys):
    out = tmp_path / "quality"
    words = ["sample-quality", str(folder), "--limit", "60", "--features", "pca", "--mean"]
    capsys.readouterr()
    assert main([*words, "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "held-out data" in printed and "32 principal components" in printed
    found = json.loads(out.with_suffix(".json").read_text())
    assert [row["name"] for row in found["rows"]][0] == "held-out data"
    assert np.load(out.with_suffix(".npz"))["samples"].shape == (10, 1, 8, 8)
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")

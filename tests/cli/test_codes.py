"""Families with codes by name: trained, measured and drawn from."""

import json
from pathlib import Path

import pytest

from pyrovae.cli import main

GRID = ["--model.grid", "[2,2]", "--model.encoder", "GridEncoder", "--model.encoder.channels",
        "4", "--model.decoder", "GridDecoder", "--model.decoder.channels", "4"]  # fmt: skip
OPTIONS = {
    "moving averages": ["VQVAE", *GRID, "--model.quantizer", "MovingAverageCodebook",
                        "--model.quantizer.num_codes", "8", "--model.quantizer.dim", "2",
                        "--model.prior", "AutoregressiveCodes", "--model.prior.width", "8"],
    "finite scalars": ["VQVAE", "--model.quantizer", "FiniteScalar",
                       "--model.quantizer.levels", "[4,3]"],
    "by default": ["VQVAE"],
    "a row of codes": ["VQVAE", "--model.grid", "[3]"],
    "relaxed": ["GumbelSoftmaxVAE", "--model.num_codes", "4", "--model.temperature", "0.7"],
}  # fmt: skip
BINOMIAL = ["--model.likelihood", "Binomial", "--model.likelihood.total_count", "16"]


@pytest.mark.parametrize("name", OPTIONS)
def test_every_command(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fit = ["fit", "--data", "digits", *BINOMIAL, "--epochs", "1", "--test-particles", "2"]
    fit += ["--data.val_size", "40", "--data.test_size", "60", "--device", "cpu", "--run", "out"]
    fit += ["--model", *OPTIONS[name]]
    assert main(fit) == 0
    printed = capsys.readouterr().out
    assert "KL codes" in printed  # the relaxed ones are measured as the discrete model
    facts = json.loads(Path("out/report.json").read_text())
    assert 1 < facts["bits_per_dim"] < 30
    assert 1 <= facts["perplexity"] < facts["codes_in_use"] + 1e-3 and "codes in use" in printed
    for command in ("sample", "reconstruct"):
        assert main([command, "out", "--n", "4"]) == 0
        assert Path(f"out/{command}.png").read_bytes().startswith(b"\x89PNG")

"""An autoencoder by name: trained, measured without an NLL, rebuilt from, and not drawn from."""

import json
from pathlib import Path

from pyrovae.cli import main

BINOMIAL = ["--model.likelihood", "Binomial", "--model.likelihood.total_count", "16"]


def test_every_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--model.latent_dim", "4", "--model.corruption", "Masking",
               "--model.corruption.share", "0.3", "--model.contraction", "0.5",
               *BINOMIAL]  # fmt: skip
    fit = ["fit", "--data", "digits", "--model", "Autoencoder", *options, "--epochs", "1"]
    assert main([*fit, "--test-particles", "5", "--device", "cpu", "--run", "out"]) == 0
    printed = capsys.readouterr().out
    assert "improper" in printed and "no bound" in printed and "ELBO  " not in printed
    facts = json.loads(Path("out/report.json").read_text())
    assert facts["nll"] is None and facts["reconstruction"] < 0
    assert main(["evaluate", "out", "--num-particles", "5", "--limit", "400"]) == 0
    again = json.loads(Path("out/report-test-5.json").read_text())
    assert again["reconstruction"] == facts["reconstruction"], "nothing is corrupted any more"
    assert main(["reconstruct", "out", "--n", "4"]) == 0
    assert main(["sample", "out", "--n", "4"]) == 2
    assert "fit_density" in capsys.readouterr().err

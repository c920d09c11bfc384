"""`pyrovae diagnose RUN` on runs that were trained here."""

import json
from pathlib import Path

import pytest

from pyrovae.cli import main

FIT = ["fit", "--data", "digits", "--model.latent_dim", "3", "--model.likelihood", "Binomial",
       "--model.likelihood.total_count", "16", "--model.encoder", "MLP", "--model.encoder.hidden",
       "[16]", "--test-particles", "0", "--device", "cpu", "--run", "out"]  # fmt: skip


@pytest.mark.parametrize(
    ("beta", "is_healthy"), [("1.0", True), ("10000.0", False)], ids=["healthy", "collapsed"]
)
def test_it_prints_and_writes(beta, is_healthy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train = ["--objective", "Beta", "--objective.beta", beta, "--epochs", "4", "--lr", "0.01"]
    assert main([*FIT, *train]) == 0
    capsys.readouterr()
    assert main(["diagnose", "out", "--limit", "200", "--num-particles", "3"]) == 0
    printed = capsys.readouterr().out
    assert "latent" in printed and "I(x; z)" in printed
    found = json.loads(Path("out/diagnose.json").read_text())
    assert (found["severity"] != "fault") == is_healthy and found["num_data"] == 200
    assert found["sites"][0]["name"] == "z"
    line = json.loads(Path("out/history.jsonl").read_text().splitlines()[-1])
    assert {"reconstruction", "kl[z]"} <= line.keys()
    assert Path("out/diagnose.png").read_bytes().startswith(b"\x89PNG")
    if is_healthy:
        assert "fine: 'z' is used" in printed
    else:
        assert found["verdicts"][0]["code"] == "collapsed"
        assert "In the training its KL" in printed or "less than half" in printed, "of the history"
        assert "pyrovae fit ... --objective Beta --objective.beta 1.0 --kl-warmup 20" in printed


def test_cycles_of_the_kl(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cycles = ["--objective", "Beta", "--objective.beta", "1.0", "--kl-cycles", "2"]
    assert main([*FIT, *cycles, "--epochs", "4"]) == 0
    capsys.readouterr()
    assert main([*FIT, *cycles, "--kl-warmup", "1", "--overwrite"]) == 2
    assert "give one of them" in capsys.readouterr().err
    assert main([*FIT, "--kl-cycles", "2", "--overwrite"]) == 2
    assert "--kl-cycles raises the one KL weight of --objective Beta" in capsys.readouterr().err

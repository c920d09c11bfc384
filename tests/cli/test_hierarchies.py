"""Hierarchies by name: trained, measured, drawn from, and listed in the help."""

import json
from pathlib import Path

import pytest

from pyrovae.cli import main

MLP = ["--model.encoder", "MLP", "--model.encoder.hidden", "[8]"]
OPTIONS = {
    "HierarchicalVAE": ["--model.latent_dims", "[4,3]", *MLP, "--model.upper_encoder", "MLP",
                        "--model.upper_encoder.hidden", "[6]", "--model.posterior", "FullNormal"],
    "LadderVAE": ["--model.latent_dims", "[4,3]", *MLP, "--model.feature_dims", "[8,6]",
                  "--objective", "Beta", "--objective.beta", "1.0", "--kl-warmup", "1"],
    "TopDownVAE": ["--model.channels", "[4,4]", "--model.groups", "[1,1]", "--model.activation",
                   "GELU", "--objective", "DReG", "--objective.num_particles", "2"],
}  # fmt: skip
BINOMIAL = ["--model.likelihood", "Binomial", "--model.likelihood.total_count", "16"]


@pytest.mark.parametrize("name", OPTIONS)
def test_every_command(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fit = ["fit", "--data", "digits", "--model", name, *BINOMIAL, *OPTIONS[name], "--epochs", "1",
           "--data.val_size", "40", "--data.test_size", "60"]  # fmt: skip
    assert main([*fit, "--test-particles", "5", "--device", "cpu", "--run", "out"]) == 0
    printed = capsys.readouterr().out
    for row in ("KL z1", "KL z2", "of z1", "of z2"):
        assert row in printed
    (line,) = Path("out/history.jsonl").read_text().splitlines()
    facts = json.loads(Path("out/report.json").read_text())
    for site in ("z1", "z2"):
        assert {f"kl[{site}]", f"active_units[{site}]"} <= facts.keys()
        assert f"kl[{site}]" in json.loads(line)
    assert main(["evaluate", "out", "--num-particles", "5", "--limit", "20"]) == 0
    assert "KL z2" in capsys.readouterr().out
    for command in ("sample", "reconstruct"):
        assert main([command, "out", "--n", "4"]) == 0
        assert Path(f"out/{command}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", OPTIONS)
def test_the_help_is_readable(name, capsys):
    assert main(["fit", "--model", name, "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "such as (1, 28, 28)" not in printed, "the data say their shape"
    wanted = {
        "HierarchicalVAE": "Size of each layer, z1 first.",
        "LadderVAE": "Width of the deterministic features",
        "TopDownVAE": "Groups of latents at each resolution",
    }
    assert wanted[name] in printed
    assert "MLP" in printed or name == "TopDownVAE"
    assert "AffineNormal" not in printed, "only what can be named is listed"

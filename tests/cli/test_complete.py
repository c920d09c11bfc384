"""`pyrovae complete` and `pyrovae super-resolve` on a run folder."""

import json

import numpy as np

from pyrovae.cli import main

SHORT = ["--limit", "6", "--num-completions", "2", "--num-steps", "8", "--num-particles", "16"]


def test_complete_and_super_resolve(run_copy, capsys):
    words = [str(run_copy), "--method", "metropolis-gibbs", *SHORT]
    assert main(["complete", *words, "--mask", "bottom half"]) == 0
    assert "log p(hidden|observed), predictive" in capsys.readouterr().out
    numbers = json.loads((run_copy / "complete.json").read_text())
    assert numbers["hidden_of_each"] == 32 and numbers["log_hidden"]["importance"]["mean"] < 0
    arrays = np.load(run_copy / "complete.npz")
    assert arrays["completions"].shape == (2, 6, 1, 8, 8)
    assert np.isnan(arrays["observed"]).sum() == 6 * 32
    assert (run_copy / "complete.png").exists()
    assert main(["super-resolve", *words, "--factor", "4", "--out", str(run_copy / "large")]) == 0
    assert json.loads((run_copy / "large.json").read_text())["psnr"] > 0
    capsys.readouterr()
    assert main(["complete", str(run_copy)]) == 2
    assert "say what is to be hidden" in capsys.readouterr().err

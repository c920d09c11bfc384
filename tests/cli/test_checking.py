"""`pyrovae predictive-check` and `pyrovae check-calibration` on a run on the digits."""

import json

import numpy as np

from pyrovae.cli import main
from tests.cli.commands import is_png, refused


def test_predictive_check(small_run, tmp_path, capsys):
    out = tmp_path / "found"
    words = ["predictive-check", str(small_run[0]), "--limit", "50", "--replicates", "20"]
    assert main([*words, "--statistics", "[mean,lit_sd]", "--predictive", "prior",
                 "--out", str(out)]) == 0  # fmt: skip
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["statistic", "data", "replicated", "p", "+-"]
    assert [line.split()[0] for line in printed[1:3]] == ["mean", "lit_sd"]
    numbers = json.loads(out.with_suffix(".json").read_text())
    assert numbers["num_data"] == 50 and numbers["predictive"] == "prior"
    assert np.load(out.with_suffix(".npz"))["mean_replicated"].shape == (20, 1)
    assert is_png(out.with_suffix(".png"))
    assert "'lit_sd'" in refused(capsys, *words, "--statistics", "[lit_ds]")


def test_check_calibration(small_run, tmp_path, capsys):
    out = tmp_path / "found"
    words = ["check-calibration", str(small_run[0]), "--limit", "60", "--num-draws", "9"]
    assert main([*words, "--out", str(out)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:3] == ["quantity", "mean", "rank"]
    assert np.load(out.with_suffix(".npz"))["ranks"].shape == (60, 3)
    assert set(json.loads(out.with_suffix(".json").read_text())["quantities"]) == {
        "z[0]", "z[1]", "log p(x, z)"
    }  # fmt: skip
    assert is_png(out.with_suffix(".png"))

"""`pyrovae detect-anomalies`: foreign data by name and by file, and a held-out class."""

import json

import numpy as np

from pyrovae.cli import main
from tests.cli.commands import is_png, refused


def test_foreign_data_by_name_and_by_file(small_run, here, capsys):
    run = str(small_run[0])
    words = ["--limit", "60", "--scores", "[kl,typicality]", "--out"]
    assert main(["detect-anomalies", run, "--foreign", "inverted", *words, "made/found"]) == 0
    printed = capsys.readouterr().out
    assert "AUROC" in printed and "60 normal and 60 foreign data" in printed
    assert is_png(here / "made/found.png")
    numbers = json.loads((here / "made/found.json").read_text())
    assert set(numbers["scores"]) == {"kl", "typicality"}
    with np.load(here / "made/found.npz") as arrays:
        assert arrays["normal_kl"].shape == (60,)
    np.save(here / "flat.npy", np.full((20, 64), 3, np.uint8))
    assert main(["detect-anomalies", run, "--foreign", "flat.npy", *words, "file"]) == 0
    assert json.loads((here / "file.json").read_text())["num_foreign"] == 20


def test_a_held_out_class_and_a_background(small_run, here, capsys):
    words = ["--held-out-class", "9", "--limit", "200", "--scores", "[kl]", "--out", "nine"]
    assert main(["detect-anomalies", str(small_run[0]), *words, "--background-epochs", "1"]) == 0
    assert list(json.loads((here / "nine.json").read_text())["scores"]) == ["kl", "ratio"]


def test_what_is_refused(small_run, here, capsys):
    run = str(small_run[0])
    assert "either foreign= " in refused(capsys, "detect-anomalies", run)
    assert "no foreign data 'fog'" in refused(capsys, "detect-anomalies", run, "--foreign", "fog")
    assert "no.npy" in refused(capsys, "detect-anomalies", run, "--foreign", "no.npy")
    words = ("--foreign", "noise", "--scores", "[fog]")
    assert "fog" in refused(capsys, "detect-anomalies", run, *words)

"""`pyrovae transfer`, `augment` and `features` on run folders."""

import json

import numpy as np
import pytest

from pyrovae.cli import main
from tests.cli.commands import SMALL, fit, is_png, refused


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditional") / "run"
    words = [*SMALL[: SMALL.index("--epochs")], "--epochs", 1, "--test-particles", 0]
    assert fit("--data", "digits", "--model", "ConditionalVAE", "--model.num_classes", 10, *words,
               "--run", folder) == 0  # fmt: skip
    return folder


def test_transfer(conditional, here, capsys):
    assert main(["transfer", str(conditional), "--limit", "30", "--out", "made"]) == 0
    assert "label recognised" in capsys.readouterr().out
    assert is_png(here / "made.png")
    with np.load("made.npz") as arrays:
        assert arrays["made"].shape == (30, 10, 1, 8, 8)
    assert json.loads((here / "made.json").read_text())["chance_of_retrieval"] == 1 / 30


def test_transfer_of_a_pair_without_labels(small_run, here, capsys):
    assert "no label" in refused(capsys, "transfer", small_run[0], "--out", "made")


def test_what_augment_writes_is_data_to_fit(conditional, small_run, here, capsys):
    for name, run, words in (("prior", conditional, []), ("posterior", small_run[0],
                             ["--temperature", "1.5", "--with-given", "true"])):  # fmt: skip
        out = here / name
        assert main(["augment", str(run), "--num-per-class", "4", *words, "--out", str(out),
                     "--limit", "100"]) == 0  # fmt: skip
        assert json.loads(out.with_suffix(".json").read_text())["way"] == name
        with np.load(f"{out}.npz") as arrays:
            count = 40 if name == "prior" else 140
            assert arrays["x"].shape == (count, 1, 8, 8) and arrays["y"].shape == (count,)
            assert set(arrays["y"]) == set(range(10))
        assert is_png(out.with_suffix(".png"))
    assert fit("--data", "prior.npz", "--model", "ConditionalVAE", "--model.num_classes", 10,
               *SMALL, "--epochs", 1, "--run", "again") == 0  # fmt: skip


def test_features(small_run, here, capsys):
    words = ["--num-labelled", "[20, 30]", "--num-repeats", "2", "--out", "probed"]
    assert main(["features", str(small_run[0]), "--limit", "50", *words]) == 0
    assert "latents - raw" in capsys.readouterr().out
    assert is_png(here / "probed.png")
    assert json.loads((here / "probed.json").read_text())["num_labelled"] == [20, 30]


def test_features_of_a_pair_with_labels(conditional, here, capsys):
    assert "called as (x, y)" in refused(capsys, "features", conditional, "--out", "probed")

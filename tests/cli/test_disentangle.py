"""`pyrovae traverse` and `pyrovae disentangle` on a run on the drawn shapes."""

import json

import numpy as np
import pytest
import torch

from pyrovae import data
from pyrovae.cli import main
from pyrovae.cli.disentangle import _split_of
from pyrovae.data import Dataset, Split
from pyrovae.errors import DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    run = tmp_path_factory.mktemp("shapes") / "run"
    words = [
        "fit", "--data", "shapes", "--data.size", "16", "--data.num_positions", "3",
        "--data.val_size", "50", "--data.test_size", "100", "--model.latent_dim", "3",
        "--model.encoder", "MLP", "--model.encoder.hidden", "[8]",
        "--objective", "Beta", "--objective.beta", "2", "--epochs", "1",
        "--test-particles", "5", "--run", str(run),
    ]  # fmt: skip
    assert main(words) == 0
    return run


def test_fit_draws_traversals(folder):
    assert (folder / "traversals.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "latents.png").exists()


def test_traverse_writes_a_picture_or_arrays(folder, tmp_path, capsys):
    assert main(["traverse", str(folder), "--units", "2", "--steps", "3"]) == 0
    assert (folder / "traverse.png").read_bytes().startswith(b"\x89PNG")
    out = str(tmp_path / "t.npz")
    words = ["traverse", str(folder), "--steps", "3", "--range", "2", "--datum", "5"]
    assert main([*words, "--out", out]) == 0
    found = np.load(out)
    assert found["images"].shape == (3, 3, 1, 16, 16) and found["values"].tolist() == [-2, 0, 2]
    assert sorted(found["units"]) == [0, 1, 2]
    assert (np.diff(found["information"]) <= 0).all()
    capsys.readouterr()
    assert main([*words[:2], "--datum", "100"]) == 2
    assert "datum=100, and there are 100 data" in capsys.readouterr().err


def test_disentangle_prints_a_table(folder, capsys):
    assert main(["disentangle", str(folder)]) == 0
    printed = capsys.readouterr().out
    for words in ("mig", "factor_vae", "orientation", "648 data"):
        assert words in printed
    scores = json.loads((folder / "disentanglement.json").read_text())
    assert scores["mig"] < 0.3 and 0 <= scores["beta_vae"] <= 1


def test_data_without_factors_are_refused():
    with pytest.raises(DataError, match=r"digits has no table of factors \[N, F\]"):
        _split_of(data.digits(), "all")
    bare = Split(torch.zeros(3, 2))
    with pytest.raises(DataError, match="no table of factors"):
        _split_of(Dataset("own", bare, bare, bare), "test")
    some = Split(torch.rand(3, 2), torch.zeros(3, 2).long(), dynamic=True)
    split, factors = _split_of(Dataset("own", some, some[:1], some), "all")
    assert len(split) == len(factors) == 7 and not split.dynamic

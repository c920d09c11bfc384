"""Parts of a pair in a file of the user's own, and data given by a path alone."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from pyrovae.cli import main
from pyrovae.cli.own_files import same_class
from tests.cli.commands import refused

ENCODER = """
from torch import nn

class Enc(nn.Module):
    def __init__(self, in_shape, out_shape, width: int = 3):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(6, width), nn.Linear(width, *out_shape))

    def forward(self, x):
        return self.net(x)
"""
FIT = [
    "fit", "--data", "vectors.npz", "--model.latent_dim", "2", "--model.likelihood", "Normal",
    "--model.decoder.hidden", "[4]", "--epochs", "1", "--test-particles", "0", "--device", "cpu",
    "--run", "run",
]  # fmt: skip
OWN = ["--model.encoder", "own.py:Enc"]


@pytest.fixture
def vectors(here):
    x = np.random.default_rng(0).normal(size=(60, 6)).astype("f4")
    np.savez("vectors.npz", x=x)
    Path("own.py").write_text(ENCODER)
    return here


def test_a_class_in_a_file_is_a_part(vectors, capsys):
    assert main([*FIT, *OWN, "--model.encoder.width", "5"]) == 0
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["data"]["name"] == "arrays" and config["data"]["x"] == "vectors.npz"
    assert config["model"]["encoder"] == {"class_path": "own.py:Enc", "init_args": {"width": 5}}
    error = refused(capsys, "sample", "run")
    assert "name it again on the command line: --model.encoder own.py:Enc" in error
    assert main(["sample", "run", *OWN]) == 0
    resume = ["fit", "--run", "run", "--resume", "--epochs", "2", *OWN]
    assert "model.encoder.width (was 5, now 4)" in refused(
        capsys, *resume, "--model.encoder.width", "4"
    )
    assert main([*resume, "--compile", "no"]) == 0


def test_a_file_without_the_class(vectors, capsys):
    assert "own.py defines no 'Other'" in refused(capsys, *FIT, "--model.encoder", "own.py:Other")
    assert "no such file" in refused(capsys, *FIT, "--model.encoder", "none.py:Enc")


def test_names_of_one_class(here):
    assert same_class("own.py:Enc", f"{here}/own.py:Enc") and same_class("a.B", "a.B")
    assert not same_class("own.py:Enc", "own.py:Dec") and not same_class("own.py:Enc", "own.Enc")


def test_vectors_are_made_as_arrays(vectors, capsys):
    assert main(FIT) == 0
    for command, name in (("sample", "x"), ("reconstruct", "x"), ("traverse", "images")):
        assert main([command, "run"]) == 0
        with np.load(f"run/{command}.npz") as made:
            assert made[name].shape[-1] == 6
    assert main(["sample", "run", "--out", "here.npz", "--n", "3"]) == 0
    assert np.load("here.npz")["x"].shape == (3, 6)
    assert "--out x.jpg" in refused(capsys, "sample", "run", "--out", "x.jpg")

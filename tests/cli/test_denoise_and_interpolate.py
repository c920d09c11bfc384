"""`pyrovae denoise`, `interpolate` and `arithmetic` on a run."""

import json

import numpy as np

from pyrovae.cli import main
from tests.cli.commands import is_png, refused


def test_denoise(small_run, here, capsys):
    words = ["--noise", "salt-and-pepper", "--level", "0.3", "--num-steps", "2", "--num-moves",
             "2", "--num-particles", "2", "--limit", "3", "--out", "found"]  # fmt: skip
    assert main(["denoise", str(small_run[0]), *words]) == 0
    printed = capsys.readouterr().out
    assert "SaltAndPepper(share=0.3, low=0, high=16), 3 data" in printed
    assert "total variation" in printed and "posterior mean" in printed
    numbers = json.loads((here / "found.json").read_text())
    assert numbers["noisy"]["PSNR"]["mean"] > 0 and is_png(here / "found.png")
    with np.load(here / "found.npz") as arrays:
        assert arrays["posterior_mean"].shape == arrays["clean"].shape == (3, 1, 8, 8)
    sentence = refused(capsys, "denoise", small_run[0], "--noise", "rain")
    assert "gaussian" in sentence


def test_interpolate(small_run, here, capsys):
    words = ["--path", "geodesic", "--steps", "4", "--num-pairs", "2", "--metric", "fisher"]
    assert main(["interpolate", str(small_run[0]), *words, "--limit", "4", "--out", "found"]) == 0
    assert "length (fisher)" in capsys.readouterr().out
    assert len(json.loads((here / "found.json").read_text())["geodesic"]["lengths"]) == 2
    assert is_png(here / "found.png")
    with np.load(here / "found.npz") as arrays:
        assert arrays["geodesic_images"].shape == (2, 4, 1, 8, 8)
    assert "3 data" not in refused(capsys, "interpolate", small_run[0], "--limit", "1")


def test_arithmetic(small_run, here, capsys):
    words = ["--minus", "3", "--plus", "8", "--amounts", "[0,1]", "--out", "found"]
    assert main(["arithmetic", str(small_run[0]), *words]) == 0
    assert "share taken for class 8" in capsys.readouterr().out
    assert is_png(here / "found.png")
    assert "no data of class 12" in refused(capsys, "arithmetic", small_run[0], "--minus", "12")

"""`pyrovae compress`, `decompress` and `lossy` on a small run."""

import json

import numpy as np
import pytest

from pyrovae import data
from pyrovae.cli import main
from tests.cli.commands import is_png, refused


@pytest.fixture(scope="module")
def images():
    return data.digits().test.x[:40, 0].numpy().astype(np.uint8)


@pytest.fixture
def made(small_run, here, images, capsys):
    """A compressed file of images [N, 8, 8], where the run has a channel axis."""
    np.savez("images.npz", images=images)
    words = ["images.npz", "out.pv", "--columns", "images", "--chunk", "16"]
    assert main(["compress", str(small_run[0]), *words]) == 0
    return capsys.readouterr().out


def test_there_and_back(made, small_run, images, here):
    for told in (
        "as given",
        "2,560",
        "net rate",
        "minus the ELBO",
        "gross rate",
        "with the model",
    ):
        assert told in made, made
    assert f"{(small_run[0] / 'best.safetensors').stat().st_size:,}" in made
    assert main(["decompress", str(small_run[0]), "out.pv", "back.npz"]) == 0
    found = np.load("back.npz")["x"]
    assert found.dtype == np.uint8 and np.array_equal(found, images)
    assert main(["decompress", str(small_run[0]), "out.pv", "some.npy", "--rows", "15:33"]) == 0
    assert np.array_equal(np.load("some.npy"), images[15:33])


def test_what_is_refused(made, small_run, images, here, capsys):
    run = small_run[0]
    assert "--overwrite" in refused(capsys, "compress", run, "images.npz", "out.pv")
    (here / "back.npy").write_bytes(b"mine")
    assert "--overwrite" in refused(capsys, "decompress", run, "out.pv", "back.npy")
    assert (here / "back.npy").read_bytes() == b"mine"
    for rows in ("5:5", "x", "7:3", "0:41", "-1:3"):
        refused(capsys, "decompress", run, "out.pv", "b.npy", f"--rows={rows}")
    content = (here / "out.pv").read_bytes()
    for place in (0, 9, 60, len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 4
        (here / "bad.pv").write_bytes(changed)
        refused(capsys, "decompress", run, "bad.pv", "b.npy")
    (here / "bad.pv").write_bytes(content[:-1])
    assert "truncated" in refused(capsys, "decompress", run, "bad.pv", "b.npy")
    np.save("grey.npy", images / 16)
    assert "whole levels" in refused(capsys, "compress", run, "grey.npy", "b.pv")
    np.save("deep.npy", images * 16)
    refused(capsys, "compress", run, "deep.npy", "b.pv")
    refused(capsys, "compress", run, "none.npy", "b.pv")
    refused(capsys, "decompress", run, "none.pv", "b.npy")
    assert not (here / "b.npy").exists() and not (here / "b.pv").exists()


def test_the_data_of_the_run(small_run, here):
    run = str(small_run[0])
    assert main(["compress", run, "val", "val.pv", "--elbo-particles", "0"]) == 0
    assert main(["decompress", run, "val.pv", "val.npy"]) == 0
    assert np.array_equal(np.load("val.npy"), data.digits().val.x.numpy())


def test_lossy(small_run, here, capsys):
    words = ["lossy", str(small_run[0]), "--limit", "20", "--steps", "[0.5, 2]", "--out", "found"]
    assert main(words) == 0
    assert "PSNR" in capsys.readouterr().out and is_png(here / "found.png")
    assert len(json.loads((here / "found.json").read_text())["steps"]) == 2

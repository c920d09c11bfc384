"""One sentence where a command cannot do what it is asked, and nothing damaged."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from pyrovae.cli import main
from tests.cli.commands import SMALL, refused


def test_nothing_and_unknown_commands(capsys):
    assert main([]) == 2
    capsys.readouterr()
    assert "no command 'train'" in refused(capsys, "train")


def test_unknown_names(capsys, here):
    assert "did you mean mnist?" in refused(capsys, "fit", "--data", "mnits")
    assert "did you mean VAE?" in refused(capsys, "fit", "--model", "VEA")
    assert "cannot import" in refused(capsys, "fit", "--model", "nowhere.Model")
    assert "no such file" in refused(capsys, "fit", "--model", "nowhere.py")
    Path("empty.py").write_text("x = 1\n")
    assert "defines no 'Model'" in refused(capsys, "fit", "--model", "empty.py:Model")
    assert "no callable 'model'" in refused(capsys, "fit", "--model", "empty.py")


def test_unknown_options_and_values(capsys, here):
    assert "--epoch" in refused(capsys, "fit", *SMALL, "--epoch", "3")
    assert "epochs" in refused(capsys, "fit", *SMALL, "--epochs", "many")
    assert "latent_dim" in refused(capsys, "fit", "--epochs", "1")
    words = ["fit", "--model.latent_dim", "2", "--model.likelihood"]
    assert "Binomal: there is no such class" in refused(capsys, *words, "Binomal")
    words += ["Binomial", "--model.likelihood.total_count"]
    assert "total_count=0" in refused(capsys, *words, "0")
    assert "--model.likelihood.total_count many" in refused(capsys, *words, "many")
    assert "batch" in refused(capsys, "fit", *SMALL, "--batch-size", "0", "--run", "r")
    assert "kl-warmup" in refused(capsys, "fit", *SMALL, "--kl-warmup", "1", "--run", "r")


def test_missing_and_broken_configuration(capsys, here):
    assert "none.yaml" in refused(capsys, "fit", "--config", "none.yaml")
    Path("bad.yaml").write_text("a: [1\n")
    assert "not YAML" in refused(capsys, "fit", "--config", "bad.yaml")
    Path("odd.yaml").write_text("epoch: 3\n")
    assert "epoch" in refused(capsys, "fit", "--config", "odd.yaml", *SMALL)


def test_missing_data(capsys, here, monkeypatch):
    monkeypatch.delenv("PYROVAE_DATA", raising=False)
    assert "PYROVAE_DATA" in refused(capsys, "fit", "--data", "mnist", *SMALL)
    words = ["fit", "--data", "arrays", "--data.x", "none.npz", *SMALL]
    assert "none.npz" in refused(capsys, *words)


@pytest.mark.torchvision
def test_a_folder_without_the_files(capsys, here):
    words = ["fit", "--data", "mnist", "--data-root", "nowhere", *SMALL]
    assert "nowhere" in refused(capsys, *words)


@pytest.mark.torchvision
def test_truncated_idx_file(capsys, here):
    raw = here / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for stem, count in (("train", 60), ("t10k", 10)):
        images = struct.pack(">IIII", 2051, count, 28, 28) + bytes(count * 784)
        labels = struct.pack(">II", 2049, count) + bytes(count)
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(images)
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(labels)
    (raw / "train-images-idx3-ubyte").write_bytes(images[:5000])
    words = ["fit", "--data", "mnist", "--data-root", here, "--data.binarize", "dynamic"]
    assert "train-images-idx3-ubyte" in refused(capsys, *words, *SMALL)
    with gzip.open(raw / "x.gz", "wb") as file:
        file.write(b"x")


def test_nan_and_shapes(capsys, here):
    x = np.zeros((40, 6), np.float32)
    x[7, 2] = np.nan
    np.savez("nan.npz", x=x)
    words = ["fit", "--data", "arrays", "--data.x", "nan.npz", *SMALL]
    assert "row 7" in refused(capsys, *words)
    np.savez("flat.npz", x=np.zeros((40, 6), np.float32))
    words = ["fit", "--data", "arrays", "--data.x", "flat.npz", "--model.latent_dim", 2]
    error = refused(capsys, *words, "--model.encoder", "ConvEncoder", "--run", "r")
    assert "(C, H, W)" in error


def test_grey_levels_under_bernoulli(capsys, here):
    error = refused(capsys, "fit", "--model.latent_dim", 2, "--epochs", 1, "--run", "r")
    assert "Bernoulli" in error and "Binomial(total_count=16)" in error


def test_run_folders(capsys, here, small_run):
    folder, _ = small_run
    assert "already holds a run" in refused(capsys, "fit", *SMALL, "--run", folder)
    assert "no run folder" in refused(capsys, "evaluate", here)
    assert "no run folder" in refused(capsys, "sample", "nowhere")
    assert "--out" in refused(capsys, "sample", folder, "--out", "x.jpg")


def test_corrupted_checkpoint(capsys, here, small_run):
    folder, _ = small_run
    copy = here / "copy"
    copy.mkdir()
    (copy / "config.yaml").write_text((folder / "config.yaml").read_text())
    assert "no checkpoint" in refused(capsys, "evaluate", copy)
    whole = (folder / "last.safetensors").read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"\xff" * 100, whole[:200] + whole[400:]):
        (copy / "last.safetensors").write_bytes(broken)
        assert "last.safetensors" in refused(capsys, "evaluate", copy)
    (copy / "last.safetensors").write_bytes(whole)
    (copy / "config.yaml").write_text(
        (folder / "config.yaml").read_text().replace("latent_dim: 2", "latent_dim: 3")
    )
    assert "does not fit" in refused(capsys, "evaluate", copy)


def test_a_folder_that_is_no_run_is_left_alone(capsys, here):
    folder = here / "mine"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    for extra in ([], ["--overwrite"], ["--resume"]):
        error = refused(capsys, "fit", *SMALL, "--run", folder, *extra)
        assert "holds files and no run" in error
    assert [path.name for path in folder.iterdir()] == ["thesis.txt"]
    assert "is a file" in refused(capsys, "fit", *SMALL, "--run", folder / "thesis.txt")


def test_a_refused_run_leaves_the_earlier_one_whole(capsys, here, small_run):
    folder, _ = small_run
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    words = ["fit", "--model.latent_dim", 2, "--epochs", 1, "--run", folder]
    assert "Bernoulli" in refused(capsys, *words, "--overwrite")
    error = refused(capsys, "fit", *SMALL, "--model.latent_dim", 5, "--run", folder, "--resume")
    assert "settings differ in model" in error
    error = refused(capsys, "fit", "--objective", "IWAE", "--run", folder, "--resume")
    assert "settings differ in objective" in error
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept


def test_values_out_of_range(capsys, here):
    assert "latent_dim" in refused(capsys, "fit", *SMALL[2:], "--model.latent_dim", "-4")
    for option, value in (("lr", "-1"), ("seed", "-1"), ("epochs", "0")):
        assert f"--{option}" in refused(capsys, "fit", *SMALL, f"--{option}={value}")
    error = refused(capsys, "fit", *SMALL, "--run", "r", "--device", "gpu7")
    assert "device gpu7" in error


def test_own_files_that_do_not_run(capsys, here):
    Path("bad.py").write_text("def model(:\n")
    assert "bad.py cannot be run" in refused(capsys, "fit", "--model", "bad.py")
    Path("lost.py").write_text("import nowhere_to_be_found\n")
    assert "nowhere_to_be_found" in refused(capsys, "fit", "--model", "lost.py")
    assert "lost.py:NAME" in refused(capsys, "fit", "--data", "lost.py", *SMALL)

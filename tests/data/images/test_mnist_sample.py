"""The sample of MNIST that comes with the library."""

import os
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch

from pyrovae.data import mnist_sample
from pyrovae.errors import ConfigError, DataError

IN_TEST_FILE = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]  # images of each digit


def test_grey_levels_and_labels():
    data = mnist_sample()
    assert [len(s) for s in (data.train, data.val, data.test)] == [4500, 500, 1000]
    assert data.shape == (1, 28, 28) and data.name == "mnist_sample"
    assert data.train.x.dtype == torch.float32 and data.train.y.dtype == torch.int64
    assert data.test.x.unique().tolist() == list(range(256)) and data.info["levels"] == 256
    assert data.info["binarize"] == "none" and not data.info["unit"]
    one = data.test.x[data.test.y == 1].mean(0)  # a stroke down the middle
    assert one[0, 13:15, 13:15].min() > 128 and one[0, :, :5].max() < 1


def test_each_digit_is_as_frequent_as_in_its_file():
    counts = mnist_sample().test.y.bincount()
    assert (counts - torch.tensor(IN_TEST_FILE) / 10).abs().max() < 1


def test_no_image_is_there_twice():
    data = mnist_sample()
    x = torch.cat([split.x for split in (data.train, data.val, data.test)]).flatten(1)
    assert len(x.unique(dim=0)) == 6000


def test_binarised_are_the_same_rows():
    unit = mnist_sample(unit=True)
    dynamic, static = mnist_sample(binarize="dynamic"), mnist_sample(binarize="static")
    assert torch.equal(unit.test.x * 255, mnist_sample().test.x)
    assert dynamic.train.dynamic and torch.equal(dynamic.train.x, unit.train.x)
    assert not static.train.dynamic and torch.equal(static.test.x, dynamic.test.x)
    certain = (unit.test.x == 0) | (unit.test.x == 1)
    assert torch.equal(dynamic.test.x[certain], unit.test.x[certain])
    z = (dynamic.test.x - unit.test.x).sum() / (unit.test.x * (1 - unit.test.x)).sum().sqrt()
    assert z.abs() < 4


def test_the_seed_decides_the_split_and_bad_arguments_are_refused():
    assert torch.equal(mnist_sample(seed=1).val.x, mnist_sample(seed=1).val.x)
    assert not torch.equal(mnist_sample(seed=1).val.x, mnist_sample(seed=2).val.x)
    assert torch.equal(mnist_sample(seed=1).test.x, mnist_sample(seed=2).test.x)
    assert len(mnist_sample(val_size=0, binarize="dynamic").val) == 0
    with pytest.raises(DataError, match="mnist_sample: 5000 rows for val and 0 for test"):
        mnist_sample(val_size=5000)
    few = mnist_sample(test_size=10)
    assert torch.equal(few.test.x, mnist_sample().test.x[:10]) and len(few.test.y) == 10
    with pytest.raises(DataError, match="test_size=1001; give a number from 0 to 1000"):
        mnist_sample(test_size=1001)
    with pytest.raises(ConfigError, match="mnist_sample: binarize='soft'"):
        mnist_sample(binarize="soft")


def test_the_file_its_licence_and_what_a_damaged_file_says(tmp_path, monkeypatch):
    folder = files("pyrovae.data.images")
    assert folder.joinpath("mnist_sample.npz").is_file()
    licence = folder.joinpath("mnist_sample.md").read_text()
    assert "CC BY-SA 3.0" in licence and "LeCun" in licence and "Cortes" in licence
    module = sys.modules["pyrovae.data.images.mnist_sample"]
    for name, content in (("absent", None), ("damaged", b"PK\x03\x04 and no more")):
        path = tmp_path / f"{name}.npz"
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setattr(module, "_FILE", path)
        with pytest.raises(DataError, match=f"{name}.npz.* is missing or damaged .*install pyro"):
            mnist_sample()


@pytest.mark.skipif("PYROVAE_DATA" not in os.environ, reason="needs the files of MNIST")
def test_every_image_is_that_of_the_row_it_names():
    raw = Path(os.environ["PYROVAE_DATA"], "MNIST", "raw")
    with np.load(files("pyrovae.data.images").joinpath("mnist_sample.npz")) as stored:
        for split, stem in (("train", "train"), ("test", "t10k")):
            images = np.fromfile(raw / f"{stem}-images-idx3-ubyte", np.uint8)[16:]
            labels = np.fromfile(raw / f"{stem}-labels-idx1-ubyte", np.uint8)[8:]
            rows = stored[f"row_{split}"]
            assert len(set(rows.tolist())) == len(rows)
            assert (images.reshape(-1, 28, 28)[rows] == stored[f"x_{split}"]).all()
            assert (labels[rows] == stored[f"y_{split}"]).all()

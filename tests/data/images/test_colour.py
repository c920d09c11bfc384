"""CIFAR-10 and SVHN, from small files that pass for the real ones."""

import hashlib
import pickle

import numpy as np
import pytest
import scipy.io
import torch

from pyrovae.data import cifar10, svhn
from pyrovae.errors import DataError

pytestmark = pytest.mark.torchvision

RNG = np.random.default_rng(0)


def md5(path):
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


@pytest.fixture
def cifar(tmp_path, monkeypatch):
    """Two training files of 4 rows and a test file of 3, and torchvision told their checksums."""
    from torchvision.datasets import CIFAR10

    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    pixels = {}
    for name, n in (("data_batch_1", 4), ("data_batch_2", 4), ("test_batch", 3)):
        pixels[name] = RNG.integers(0, 256, (n, 3072), dtype=np.uint8)
        content = {"data": pixels[name], "labels": list(range(n))}
        (folder / name).write_bytes(pickle.dumps(content))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    sums = [[name, md5(folder / name)] for name in pixels]
    monkeypatch.setattr(CIFAR10, "train_list", sums[:2])
    monkeypatch.setattr(CIFAR10, "test_list", sums[2:])
    meta = {**CIFAR10.meta, "md5": md5(folder / "batches.meta")}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return tmp_path, folder, pixels


def test_cifar10_keeps_the_stored_planes(cifar):
    root, _, pixels = cifar
    data = cifar10(root, val_size=2)
    assert [len(s) for s in (data.train, data.val, data.test)] == [6, 2, 3]
    assert data.shape == (3, 32, 32) and data.train.x.dtype == torch.float32
    stored = torch.from_numpy(pixels["test_batch"]).reshape(3, 3, 32, 32).float()
    assert torch.equal(data.test.x, stored) and data.test.y.tolist() == [0, 1, 2]
    assert torch.equal(cifar10(root, val_size=2, unit=True).test.x, stored / 255)
    assert data.info == {"binarize": "none", "levels": 256, "unit": False, "seed": 0}


def test_missing_and_damaged_cifar_files_are_named(cifar):
    root, folder, _ = cifar
    path = folder / "data_batch_2"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=f"cifar10: {path} is damaged, its checksum is not"):
        cifar10(root)
    path.unlink()
    with pytest.raises(DataError, match=f"cifar10: there is no file {path}; pass download=True"):
        cifar10(root)


@pytest.fixture
def numbers(tmp_path, monkeypatch):
    from torchvision.datasets import SVHN

    sums, pixels = {}, {}
    for split, n in (("train", 6), ("test", 3)):
        path = tmp_path / f"{split}_32x32.mat"
        pixels[split] = RNG.integers(0, 256, (32, 32, 3, n), dtype=np.uint8)
        scipy.io.savemat(path, {"X": pixels[split], "y": np.arange(10, 10 - n, -1)[:, None]})
        sums[split] = ["http://localhost/none", path.name, md5(path)]
    monkeypatch.setattr(SVHN, "split_list", sums)
    return tmp_path, pixels


def test_svhn_puts_channels_first_and_calls_zero_zero(numbers):
    root, pixels = numbers
    data = svhn(root, val_size=1)
    assert [len(s) for s in (data.train, data.val, data.test)] == [5, 1, 3]
    stored = torch.from_numpy(pixels["test"].transpose(3, 2, 0, 1).copy()).float()
    assert torch.equal(data.test.x, stored) and data.test.y.tolist() == [0, 9, 8]


def test_missing_and_damaged_svhn_files_are_named(numbers):
    root, _ = numbers
    path = root / "test_32x32.mat"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match=f"svhn: {path} is damaged, its checksum is not"):
        svhn(root, val_size=1)
    path.unlink()
    with pytest.raises(DataError, match=f"svhn: there is no file {path}"):
        svhn(root, val_size=1)

"""MNIST and its kin, from small IDX files and, where PYROVAE_DATA is set, from the real ones."""

import os

import numpy as np
import pytest
import torch

from pyrovae.data import emnist, fashion_mnist, kmnist, mnist
from pyrovae.errors import ConfigError, DataError

pytestmark = pytest.mark.torchvision

LOADERS = {"MNIST": mnist, "FashionMNIST": fashion_mnist, "KMNIST": kmnist, "EMNIST": emnist}
TRAIN = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
TEST = np.random.default_rng(1).integers(0, 256, (5, 28, 28), dtype=np.uint8)


def idx(array):
    """IDX: two zero bytes, type 8 (unsigned byte), the rank, big-endian sizes, then the bytes."""
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def write(root, kind="MNIST"):
    raw = root / kind / "raw"
    raw.mkdir(parents=True)
    stems = (
        ("emnist-digits-train", "emnist-digits-test") if kind == "EMNIST" else ("train", "t10k")
    )
    for stem, images in zip(stems, (TRAIN, TEST), strict=True):
        (raw / f"{stem}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{stem}-labels-idx1-ubyte").write_bytes(idx(np.arange(len(images)) % 10))
    return raw


@pytest.mark.parametrize("kind", LOADERS)
def test_grey_levels_come_out_as_they_are(kind, tmp_path):
    write(tmp_path, kind)
    data = LOADERS[kind](tmp_path, val_size=3)
    turned = (lambda images: images.transpose(0, 2, 1)) if kind == "EMNIST" else (lambda i: i)
    assert [len(s) for s in (data.train, data.val, data.test)] == [9, 3, 5]
    assert data.shape == (1, 28, 28) and data.train.x.dtype == torch.float32
    assert torch.equal(data.test.x[:, 0], torch.from_numpy(turned(TEST).astype(np.float32)))
    assert data.test.y.tolist() == [0, 1, 2, 3, 4] and data.test.y.dtype == torch.int64
    rows = torch.cat([data.train.x, data.val.x]).flatten(1).tolist()
    assert sorted(rows) == sorted(turned(TRAIN).reshape(12, -1).astype(float).tolist())
    assert data.info["levels"] == 256 and data.info["binarize"] == "none"
    assert data.name == LOADERS[kind].__name__


def test_unit_dynamic_and_seeds(tmp_path):
    write(tmp_path)
    grey, unit = mnist(tmp_path, val_size=3), mnist(tmp_path, val_size=3, unit=True)
    dynamic = mnist(tmp_path, val_size=3, binarize="dynamic")
    assert torch.equal(unit.test.x, grey.test.x / 255)
    assert dynamic.train.dynamic and torch.equal(dynamic.train.x, unit.train.x)
    assert set(dynamic.test.x.unique().tolist()) == {0.0, 1.0} and not dynamic.test.dynamic
    assert dynamic.info["binarize"] == "dynamic" and dynamic.info["binarize_seed"] == 0
    assert torch.equal(mnist(tmp_path, val_size=3, binarize="dynamic").val.x, dynamic.val.x)
    other = mnist(tmp_path, val_size=3, binarize="dynamic", seed=1)
    assert not torch.equal(other.test.x, dynamic.test.x)
    assert not torch.equal(other.val.y, dynamic.val.y)
    assert torch.equal(other.test.y, dynamic.test.y)


def test_static_of_the_other_sets_is_one_draw(tmp_path):
    write(tmp_path, "FashionMNIST")
    data = fashion_mnist(tmp_path, binarize="static", val_size=3)
    assert not data.train.dynamic and set(data.train.x.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(
        data.train.x, fashion_mnist(tmp_path, binarize="static", val_size=3).train.x
    )


def test_val_may_be_empty(tmp_path):
    write(tmp_path)
    for binarize in (None, "dynamic"):
        data = mnist(tmp_path, val_size=0, binarize=binarize)
        assert len(data.val) == 0 and len(data.train) == 12


def test_the_root_may_come_from_the_environment(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setenv("PYROVAE_DATA", str(tmp_path))
    assert len(mnist(val_size=0).train) == 12
    monkeypatch.delenv("PYROVAE_DATA")
    with pytest.raises(
        DataError, match="pass root=, or set the environment variable PYROVAE_DATA"
    ):
        mnist()


FILES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"]


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_named(file, tmp_path):
    path = write(tmp_path) / file
    path.unlink()
    with pytest.raises(DataError, match=f"mnist: there is no file {path}; pass download=True"):
        mnist(tmp_path)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", ["empty", "magic", "header", "cut", "long", "type", "rank"])
def test_a_damaged_file_is_named(file, damage, tmp_path):
    path = write(tmp_path) / file
    content = path.read_bytes()
    changed = {
        "empty": b"",
        "magic": content[:3],
        "header": content[:6],
        "cut": content[:-1],
        "long": content + b"\0",
        "type": bytes([0, 0, 99]) + content[3:],
        "rank": content[:3] + bytes([2]) + content[4:],
    }[damage]
    path.write_bytes(changed)
    with pytest.raises(DataError, match=f"mnist: {path} is damaged or cut short .* delete it"):
        mnist(tmp_path, val_size=3)


def test_images_and_labels_must_belong_together(tmp_path):
    raw = write(tmp_path)
    (raw / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(4)))
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte has 5 rows, t10k-labels.* 4;"):
        mnist(tmp_path, val_size=3)


def test_refused_arguments(tmp_path):
    write(tmp_path)
    with pytest.raises(DataError, match="5000 rows for val and 0 for test out of 12"):
        mnist(tmp_path)
    with pytest.raises(ConfigError, match="binarize='soft'"):
        mnist(tmp_path, val_size=3, binarize="soft")
    with pytest.raises(ConfigError, match="split='all' is not known; use one of byclass"):
        emnist(tmp_path, split="all")


def write_static(root, **changes):
    rng = np.random.default_rng(2)
    bits = {
        name: rng.integers(0, 2, (n, 784)) for name, n in dict(train=20, valid=4, test=6).items()
    }
    packed = {name: np.packbits(rows, axis=1) for name, rows in bits.items()} | changes
    np.savez(root / "static_binarized_mnist.npz", **packed)
    return bits


def test_static_mnist_is_the_file_in_a_seeded_order(tmp_path):
    bits = write_static(tmp_path)
    data = mnist(tmp_path, binarize="static")
    for split, name in ((data.train, "train"), (data.val, "valid"), (data.test, "test")):
        assert split.y is None and split.shape == (1, 28, 28) and not split.dynamic
        assert sorted(split.x.flatten(1).tolist()) == sorted(bits[name].astype(float).tolist())
    assert not np.array_equal(data.train.x.flatten(1).numpy(), bits["train"])
    assert torch.equal(data.train.x, mnist(tmp_path, binarize="static").train.x)
    assert data.info["binarize"] == "static"


def test_a_missing_or_damaged_static_file_is_named(tmp_path):
    with pytest.raises(DataError, match='no file .*static_binarized_mnist.npz.*"dynamic"'):
        mnist(tmp_path, binarize="static")
    write_static(tmp_path, test=np.zeros((6, 784), dtype=np.uint8))
    with pytest.raises(DataError, match=r"is damaged .*found uint8 \[6, 784\]"):
        mnist(tmp_path, binarize="static")
    path = tmp_path / "static_binarized_mnist.npz"
    content = path.read_bytes()
    np.savez(path, train=np.zeros((1, 98), dtype=np.uint8))
    with pytest.raises(DataError, match="is damaged"):
        mnist(tmp_path, binarize="static")
    for keep in (0, 3, len(content) // 2):
        path.write_bytes(content[:keep])
        with pytest.raises(DataError, match="static_binarized_mnist.npz is damaged"):
            mnist(tmp_path, binarize="static")


real = pytest.mark.skipif(
    "PYROVAE_DATA" not in os.environ, reason="PYROVAE_DATA names no folder with the real MNIST"
)


@real
def test_real_mnist():
    data = mnist()
    assert [len(s) for s in (data.train, data.val, data.test)] == [55_000, 5_000, 10_000]
    assert data.test.y[:5].tolist() == [7, 2, 1, 0, 4]
    # The mean level of the 60,000 training images is the well-known .1307 of 255.
    mean = torch.cat([data.train.x, data.val.x]).mean(dtype=torch.float64) / 255
    assert abs(mean - 0.1307) < 5e-5


@real
def test_real_static_mnist():
    data = mnist(binarize="static")
    assert [len(s) for s in (data.train, data.val, data.test)] == [50_000, 10_000, 10_000]
    # One draw from the grey levels keeps their mean, up to the noise of 39 million pixels.
    assert abs(data.train.x.mean(dtype=torch.float64) - 0.1307) < 1e-3

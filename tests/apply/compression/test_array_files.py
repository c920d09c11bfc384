"""Arrays in files are read and written block by block."""

import io

import numpy as np
import pytest
import torch

from pyrovae.apply.compression.array_files import ArrayWriter, StreamedRows, open_rows
from pyrovae.errors import ConfigError, DataError

X = np.arange(60, dtype=np.int16).reshape(10, 2, 3)


@pytest.fixture(params=["x.npy", "x.npz", "packed.npz"])
def path(request, tmp_path):
    path = tmp_path / request.param
    if path.suffix == ".npy":
        np.save(path, X)
    else:
        (np.savez_compressed if "packed" in path.name else np.savez)(path, x=X, y=X[:, 0, 0])
    return path


def test_rows_forwards_and_back(path):
    rows = open_rows(path, None)
    assert isinstance(rows, StreamedRows) and len(rows) == 10 and rows.width == 1
    assert rows.dtype == np.int16
    for part in (slice(0, 4), slice(4, 10), slice(2, 3), slice(0, 10), slice(9, 10)):
        np.testing.assert_array_equal(rows[part][0].numpy(), X[part])
    np.testing.assert_array_equal(rows[torch.tensor([3, 1])][0].numpy(), X[[3, 1]])


def test_several_arrays_by_name(tmp_path):
    np.savez(tmp_path / "two.npz", a=X, b=np.arange(10))
    rows = open_rows(str(tmp_path / "two.npz"), ["a", "b"])
    x, y = rows[2:5]
    np.testing.assert_array_equal(x.numpy(), X[2:5])
    assert y.tolist() == [2, 3, 4]
    with pytest.raises(DataError, match="columns="):
        open_rows(tmp_path / "two.npz", None)
    np.savez(tmp_path / "odd.npz", a=X, b=np.arange(9))
    with pytest.raises(DataError, match="10, 9"):
        open_rows(tmp_path / "odd.npz", ["a", "b"])


def test_an_array_along_its_columns_is_read_at_once(tmp_path):
    np.save(tmp_path / "f.npy", np.asfortranarray(X))
    rows = open_rows(tmp_path / "f.npy", None)
    assert not isinstance(rows, StreamedRows)
    np.testing.assert_array_equal(rows[3:5][0].numpy(), X[3:5])


def test_damaged_files(path, tmp_path):
    content = path.read_bytes()
    for cut in (0, 1, 20, 100, len(content) - 1):
        (tmp_path / f"cut{path.suffix}").write_bytes(content[:cut])
        with pytest.raises(DataError):
            rows = open_rows(tmp_path / f"cut{path.suffix}", None)
            rows[0:10]
    np.save(tmp_path / "text.npy", np.array(["a", "b"]))
    with pytest.raises(DataError, match="real numbers"):
        open_rows(tmp_path / "text.npy", None)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_what_is_written_is_read(suffix):
    file = io.BytesIO()
    with ArrayWriter(file, suffix, X.shape, "int16") as writer:
        for block in (X[:4], X[4:]):
            writer.add(block)
    file.seek(0)
    found = np.load(file, allow_pickle=False)
    found = found if suffix == ".npy" else found["x"]
    assert found.dtype == X.dtype and np.array_equal(found, X)
    with pytest.raises(ConfigError):
        ArrayWriter(file, ".csv", X.shape, "int16")

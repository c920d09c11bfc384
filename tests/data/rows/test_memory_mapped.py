"""Arrays in files, of which only the rows are read that are needed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pyrovae.data import batches, rows
from pyrovae.data.rows.memory_mapped import MappedRows
from pyrovae.errors import DataError

X = np.random.default_rng(0).normal(size=(50, 10)).astype(np.float32)
VIEWS = {
    "whole": lambda x: x,
    "later rows": lambda x: x[5:],
    "every second row": lambda x: x[::2][:20],
    "some columns": lambda x: x[:, 2:5],
    "one column": lambda x: x[:, 3],
    "reversed rows": lambda x: x[::-1],
    "reversed columns": lambda x: x[:, ::-1],
    "transposed": lambda x: x.T,
    "other shape": lambda x: x.reshape(50, 2, 5),
    "flat": lambda x: x.reshape(-1),
    "plain array over it": lambda x: np.asarray(x)[2:],
    "other type": lambda x: x.view(np.int32),
}


@pytest.fixture
def mapped(tmp_path):
    np.save(tmp_path / "x.npy", X)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_read_at_their_places(mapped, view):
    found, expected = rows(VIEWS[view](mapped)), VIEWS[view](X)
    assert isinstance(found, MappedRows) and len(found) == len(expected)
    index = torch.tensor([3, 1, 3, len(expected) - 1, 0])
    assert np.array_equal(found[index][0].numpy(), expected[index.numpy()])
    assert np.array_equal(found[1:4][0].numpy(), expected[1:4])


def test_a_file_that_was_removed_is_read_as_long_as_it_is_mapped(mapped, tmp_path):
    (tmp_path / "x.npy").unlink()
    assert np.array_equal(rows(mapped)[torch.tensor([7, 2])][0].numpy(), X[[7, 2]])


def test_changes_are_seen(tmp_path):
    for mode in ("r+", "c"):
        np.save(tmp_path / "x.npy", X)
        mapped = np.load(tmp_path / "x.npy", mmap_mode=mode)
        mapped[3] = 7
        assert (rows(mapped)[torch.tensor([3])][0] == 7).all()


def test_rows_are_copies(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r+")
    for some in (slice(0, 3), torch.tensor([0, 1])):
        rows(mapped)[some][0].zero_()
    assert np.array_equal(mapped, X)


def test_what_is_no_number_is_refused_before_it_is_read(tmp_path):
    mapped = np.memmap(tmp_path / "x.bin", "c8", "w+", shape=(4, 2))
    with pytest.raises(DataError, match="dtype complex64"):
        rows(mapped)
    with pytest.raises(DataError, match="single number"):
        rows(np.memmap(tmp_path / "y.bin", "f4", "w+", shape=()))


def test_a_file_larger_than_memory_is_never_read_whole(tmp_path):
    shape = (10_000_000, 1000)  # 40 GB of holes
    made = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, shape)
    made[-1], made[1234567] = 7, 5
    made.flush()
    del made
    code = f"""
import resource, torch
from pyrovae.data import batches, rows
path = {str(tmp_path / "x.npy")!r}
source = batches(path, 100, shuffle=False, device="cpu")
assert (len(source), source.num_data) == (100_000, 10_000_000)
assert next(source.epoch(0))[0].shape == (100, 1000)
assert next(source.epoch(0, 99_999))[0][-1].unique().tolist() == [7.0]
shuffled = batches((path, torch.arange(10_000_000)), 100, seed=3, device="cpu")
x, y = next(shuffled.epoch(0))
assert x.shape == (100, 1000) and len(y.unique()) == 100
assert rows(path)[torch.tensor([1234567, 0])][0].unique(dim=1).tolist() == [[5.0], [0.0]]
assert source.checksum() == source.checksum()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
assert peak < 4e9, peak
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_labels_beside_a_mapped_array(mapped):
    for x, y in batches((mapped, np.arange(50)), 7, device="cpu").epoch(0):
        assert np.array_equal(x.numpy(), X[y.numpy()])


@pytest.mark.skipif(sys.platform != "linux", reason="the maps of a process are read")
def test_a_file_is_read_while_it_is_the_mapped_one(mapped):
    path = Path(mapped.filename).stat()
    listed = f":{os.minor(path.st_dev):02x} {path.st_ino} " in Path("/proc/self/maps").read_text()
    assert (rows(mapped)._file is not None) == listed  # some file systems list other numbers


@pytest.mark.parametrize("early", [True, False])
def test_rows_are_those_of_the_file_that_was_mapped(mapped, tmp_path, early):
    found = rows(mapped) if early else None
    np.save(tmp_path / "new.npy", X + 1)
    os.replace(tmp_path / "new.npy", tmp_path / "x.npy")
    found = rows(mapped) if found is None else found
    assert np.array_equal(found[torch.tensor([3, 1])][0].numpy(), X[[3, 1]])
    assert np.array_equal(found[2:4][0].numpy(), X[2:4])

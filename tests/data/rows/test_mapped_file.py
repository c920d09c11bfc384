"""Rows of a file by their places in it."""

import os

import numpy as np
import pytest
import torch

from pyrovae.data.rows import mapped_file
from pyrovae.data.rows.mapped_file import MappedFile
from pyrovae.errors import DataError

X = np.arange(50 * 6).reshape(50, 6)


def opened(tmp_path, like, start=0):
    path = tmp_path / "rows.bin"
    path.write_bytes(bytes(start) + like.tobytes())
    file = os.open(path, os.O_RDONLY)
    try:
        return path, MappedFile("rows", file, like, start)
    finally:
        os.close(file)


@pytest.mark.parametrize("dtype", ["f4", "u1", "i8", "?", "f2", ">f4", "u2", ">i4"])
def test_rows_of_all_types(tmp_path, dtype):
    like = (X % 100).astype(dtype)
    _, file = opened(tmp_path, like, start=128)
    rows = torch.tensor([3, 49, 3, 0])
    assert np.array_equal(file.take(rows).numpy(), like[rows.numpy()])
    assert file.take(rows[:0]).shape == (0, 6)


def test_rows_that_are_not_aligned(tmp_path):
    like = X.astype("f4")
    _, file = opened(tmp_path, like, start=3)
    assert np.array_equal(file.take(torch.tensor([7, 1])).numpy(), like[[7, 1]])


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system takes no advice")
@pytest.mark.parametrize("cached", [True, False])
def test_the_disk_is_told_the_rows_that_are_not_in_memory(tmp_path, monkeypatch, cached):
    like, told = X.astype("f4"), []
    _, file = opened(tmp_path, like, start=128)
    monkeypatch.setattr(MappedFile, "_is_in_memory", lambda self, row: cached)
    monkeypatch.setattr(
        mapped_file.os, "posix_fadvise", lambda file, place, size, advice: told.append(place)
    )
    rows = torch.tensor([30, 2, 17])
    assert np.array_equal(file.take(rows).numpy(), like[rows.numpy()])
    assert told == ([] if cached else [128 + 24 * row for row in (2, 17, 30)])


def test_a_file_that_became_shorter_is_refused(tmp_path):
    like = X.astype("f4")
    path, file = opened(tmp_path, like)
    os.truncate(path, 24 * 40)
    assert np.array_equal(file.take(torch.tensor([39])).numpy(), like[[39]])
    with pytest.raises(DataError, match="rows: the file ended before row 45; write it again"):
        file.take(torch.tensor([1, 45]))


def test_what_is_taken_is_a_copy(tmp_path):
    like = X.astype("f4")
    _, file = opened(tmp_path, like)
    file.take(torch.tensor([1]))
    file.take(torch.tensor([1])).zero_()
    assert np.array_equal(file.take(torch.tensor([1])).numpy(), like[[1]])

"""HDF5 datasets, read row by row."""

import h5py
import numpy as np
import pytest
import torch

from pyrovae.data import batches, rows
from pyrovae.errors import DataError

X = np.random.default_rng(0).normal(size=(50, 3, 4)).astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"chunks": (7, 3, 2), "compression": "gzip"}])
def test_rows_in_any_order(tmp_path, options):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        made = file.create_dataset("x", data=X, **options)
        found = rows(made)
        for some in (torch.tensor([3, 49, 3, 0]), torch.randperm(50), torch.tensor([], dtype=int)):
            assert np.array_equal(found[some][0].numpy(), X[some.numpy()])
        assert np.array_equal(found[3:9][0].numpy(), X[3:9])


def test_a_dataset_larger_than_memory(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        shape = (10_000_000, 1000)  # 40 GB, of which nothing is written
        file.create_dataset("x", shape, "f4", chunks=(10, 1000))
        file["x"][9_999_999] = 7
    source = batches(tmp_path / "x.h5", 100, shuffle=False, device="cpu")
    assert len(source) == 100_000
    assert next(source.epoch(0, 99_999))[0][-1].unique().tolist() == [7.0]
    assert source.checksum() == source.checksum()


@pytest.mark.parametrize("content", ["text", [b"a"], 3.0, np.zeros(3, complex)])
def test_what_is_no_array_of_numbers_is_refused(tmp_path, content):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = content
        with pytest.raises(DataError, match="HDF5 dataset /x"):
            rows(file["x"])

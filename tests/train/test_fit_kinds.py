"""Runs on other kinds of data: one goes on with the same rows of any kind, and with no others."""

import h5py
import numpy as np
import pandas
import pytest
import scipy.sparse
import torch

from pyrovae import fit
from pyrovae.errors import CheckpointError
from pyrovae.models import VAE
from pyrovae.objectives import ELBO
from tests.kinds import Source, Stream, bits

X = bits()


def mapped(x, folder):
    np.save(folder / "x.npy", x)
    return np.load(folder / "x.npy", mmap_mode="r")


def hdf5(x, folder):
    with h5py.File(folder / "x.h5", "w") as file:
        file["x"] = x
    return f"{folder / 'x.h5'}:/x"


KINDS = {
    "tensor": lambda x, folder: torch.tensor(x),
    "memmap": mapped,
    "HDF5": hdf5,
    "sparse": lambda x, folder: scipy.sparse.csr_array(x),
    "frame": lambda x, folder: pandas.DataFrame(x),
    "list": lambda x, folder: x.tolist(),
}


def train(data, epochs, run_dir=None, resume=False):
    torch.manual_seed(0)
    vae = VAE((8,), 2)
    fit(
        vae.model, vae.guide, data, objective=ELBO(), epochs=epochs, batch_size=7, device="cpu",
        run_dir=run_dir, resume=resume, progress=False,
    )  # fmt: skip
    return torch.cat([p.detach().flatten() for p in vae.parameters()])


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_goes_on_with_the_same_rows(kind, tmp_path):
    whole = train(torch.tensor(X), 3)
    train(torch.tensor(X), 1, tmp_path / "run")
    assert torch.equal(train(KINDS[kind](X, tmp_path), 3, tmp_path / "run", True), whole)


@pytest.mark.parametrize("kind", KINDS)
def test_other_rows_are_refused(kind, tmp_path):
    train(KINDS[kind](X, tmp_path), 1, tmp_path / "run")
    other = X.copy()
    other[5] = 1 - other[5]
    with pytest.raises(CheckpointError, match="data"):
        train(KINDS[kind](other, tmp_path), 2, tmp_path / "run", True)


@pytest.mark.parametrize("make", [Source, Stream], ids=["own source", "stream"])
def test_streams_and_own_sources_go_on(make, tmp_path):
    whole = train(make(X), 3)
    train(make(X), 1, tmp_path / "run")
    assert torch.equal(train(make(X), 3, tmp_path / "run", True), whole)


def test_the_validation_data_of_a_file_are_measured(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=X[:30], x_val=X[30:])
    np.savez(tmp_path / "y.npz", x=X[:30])
    found = []
    for data, val in (
        (tmp_path / "x.npz", None),
        (tmp_path / "y.npz", tmp_path / "x.npz"),
        (X[:30], X[30:]),
    ):
        torch.manual_seed(0)
        vae = VAE((8,), 2)
        run = fit(
            vae.model, vae.guide, data, val=val, objective=ELBO(), epochs=1, device="cpu",
            progress=False,
        )  # fmt: skip
        found.append(run.history[0]["val"])
    assert found[0] == found[1] == found[2] and found[0] is not None

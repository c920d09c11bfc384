"""Runs on other kinds of data: one goes on with the same rows of any kind, and with no others."""

import h5py
import numpy as np
import pandas
import pytest
import scipy.sparse
import torch
from torch.utils.data import DataLoader, Dataset, TensorDataset

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


def train(data, epochs, run_dir=None, resume=False, **options):
    torch.manual_seed(0)
    vae = VAE((8,), 2)
    fit(
        vae.model, vae.guide, data, objective=ELBO(), epochs=epochs, batch_size=7, device="cpu",
        run_dir=run_dir, resume=resume, progress=False, **options,
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


class Drawn(Dataset):
    """Each time another draw."""

    def __init__(self, x):
        self.x = torch.tensor(x)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index] * torch.randint(2, (8,))


WITHOUT_CHECKSUM = {
    "loader": lambda x: DataLoader(TensorDataset(torch.tensor(x)), 7),
    "shuffling loader": lambda x: DataLoader(TensorDataset(torch.tensor(x)), 7, shuffle=True),
    "loader with a worker": lambda x: DataLoader(TensorDataset(torch.tensor(x)), 7, num_workers=1),
    "dataset that draws": Drawn,
    "stream": Stream,
    "own source": Source,
}


@pytest.mark.parametrize("kind", WITHOUT_CHECKSUM)
def test_other_batches_are_refused(kind, tmp_path):
    make = WITHOUT_CHECKSUM[kind]
    whole = train(make(X), 2)
    train(make(X), 1, tmp_path)
    for other in (1 - X, X[::-1].copy()):
        with pytest.raises(CheckpointError, match="another first batch of data; resume with"):
            train(make(other), 2, tmp_path, True)
    assert torch.equal(train(make(X), 2, tmp_path, True), whole)


def masked(x):
    return x * torch.randint(2, x.shape)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (None, lambda x: 1 - x),
        (lambda x: x, lambda x: x.flip(0)),
        (lambda x: x, lambda x: x * 0.99),
        (masked, lambda x: 1 - masked(x)),
    ],
)
def test_another_transform_is_refused(first, then, tmp_path):
    train(torch.tensor(X), 1, tmp_path, transform=first)
    with pytest.raises(CheckpointError, match="another first batch"):
        train(torch.tensor(X), 2, tmp_path, True, transform=then)
    train(mapped(X, tmp_path), 2, tmp_path, True, transform=first)


def test_batches_that_differ_each_time_go_on(tmp_path):
    class Fresh(Source):
        calls = np.random.default_rng()

        def epoch(self, epoch, start=0):
            for (part,) in super().epoch(epoch, start):
                yield (part * torch.tensor(self.calls.integers(2, size=part.shape)),)

    train(Fresh(X), 1, tmp_path)
    train(Fresh(X), 2, tmp_path, True)


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

"""Sparse matrices are made dense row by row, and never as a whole."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse
import torch

from pyrovae.data import arrays, batches, in_memory, rows
from pyrovae.data.rows import SparseRows
from pyrovae.errors import DataError

DENSE = np.random.default_rng(0).poisson(0.3, size=(30, 4, 5)).astype(np.float32)


@pytest.mark.parametrize("dense_axes", [0, 1, 2])
def test_tensors_with_several_axes(dense_axes):
    tensor = torch.tensor(DENSE).to_sparse(3 - dense_axes)
    index = torch.tensor([3, 29, 3, 0])
    found = rows(tensor)
    assert isinstance(found, SparseRows)
    assert torch.equal(found[index][0], torch.tensor(DENSE)[index])
    assert torch.equal(found[5:9][0], torch.tensor(DENSE)[5:9])


def test_vectors_and_arrays_of_scipy_with_several_axes():
    one = DENSE[:, 0, 0]
    for sparse, dense in (
        (scipy.sparse.coo_array(one), one),
        (torch.tensor(one).to_sparse(), one),
        (scipy.sparse.coo_array(DENSE), DENSE),
    ):
        assert np.array_equal(rows(sparse)[:][0].numpy(), dense)


def test_entries_that_are_given_twice_are_summed():
    index, values = ([0, 2, 0], [1, 0, 1]), [2.0, 3.0, 4.0]
    expected = [[0, 6], [0, 0], [3, 0]]
    csr = scipy.sparse.csr_array((np.array([2.0, 4.0, 3.0]), [1, 1, 0], [0, 2, 2, 3]), (3, 2))
    for sparse in (
        scipy.sparse.coo_array((values, index), (3, 2)),
        csr,
        torch.sparse_coo_tensor(index, values, (3, 2), check_invariants=True),
    ):
        assert rows(sparse)[:][0].tolist() == expected
    assert csr.nnz == 3  # the user's matrix is as it was


def test_a_matrix_without_entries_is_zeros():
    assert rows(scipy.sparse.csr_array((5, 3)))[1:3][0].tolist() == [[0.0] * 3] * 2
    assert rows(torch.zeros(5, 3).to_sparse())[torch.tensor([4])][0].tolist() == [[0.0] * 3]


def test_labels_beside_a_sparse_matrix():
    x, y = DENSE[:, 0], np.arange(30)
    source = batches((scipy.sparse.csr_array(x), y), 8, device="cpu")
    for batch, labels in source.epoch(0):
        assert np.array_equal(batch.numpy(), x[labels.numpy()])
    data = arrays((scipy.sparse.csr_array(x), y), val=0, test=0)
    assert np.array_equal(data.train.x.numpy(), x[data.train.y])
    assert arrays(scipy.sparse.csr_array(x), y).train.y.dtype == torch.int64


@pytest.mark.parametrize(
    "matrix", [scipy.sparse.csr_array(DENSE[:, 0] + 1j), torch.tensor(DENSE + 1j).to_sparse()]
)
def test_complex_entries_are_refused(matrix):
    with pytest.raises(DataError, match="complex"):
        rows(matrix)


def test_a_matrix_too_large_to_be_dense_is_no_data_set(monkeypatch):
    monkeypatch.setattr(in_memory, "_memory", lambda: 24 * 2**30)
    matrix = scipy.sparse.coo_array(
        (np.ones(3), ([0, 100_000, 199_999], [0, 5, 49_999])), (200_000, 50_000)
    )
    with pytest.raises(DataError, match="takes 75 GiB as a whole, .*data.batches"):
        arrays(matrix)


def test_a_matrix_too_large_to_be_dense_trains():
    code = """
import resource, scipy.sparse, numpy as np, torch
resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, 8 * 2**30))
from pyrovae.data import batches, rows
matrix = scipy.sparse.coo_array(
    (np.ones(3), ([0, 100_000, 199_999], [0, 5, 49_999])), (200_000, 50_000)
)
index, values = torch.tensor(np.stack(matrix.coords)).long(), torch.ones(3)
for each in (
    matrix, matrix.tocsr(), matrix.tocsc(), torch.sparse_coo_tensor(index, values, matrix.shape)
):
    source = batches(each, 64, device="cpu")
    (x,) = next(source.epoch(0))
    assert x.shape == (64, 50_000), x.shape
    assert rows(each)[-1:][0].nonzero().tolist() == [[0, 49_999]]
    source.checksum()
from pyrovae import fit
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.train import Callback
class Stop(Callback):
    def on_step(self, loop):
        loop.request_stop()
vae = VAE((50_000,), 2, encoder=lambda *shapes: MLP(*shapes, hidden=(4,)),
          decoder=lambda *shapes: MLP(*shapes, hidden=(4,)))
for each in (matrix, (matrix, np.arange(200_000))):
    run = fit(vae.model, vae.guide, each, objective=ELBO(), epochs=1, device="cpu",
              columns=0, callbacks=[Stop()], progress=False)
    assert run.steps == 1
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_entries_lie_on_the_device():
    x = torch.tensor(DENSE)
    one, two = (batches(t, 7, device="cuda") for t in (x, x.to_sparse()))
    for (a,), (b,) in zip(one.epoch(1), two.epoch(1), strict=True):
        assert b.is_cuda and torch.equal(a, b)
    assert one.checksum() == two.checksum()

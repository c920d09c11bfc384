"""Splits of sparse rows do what dense ones do, and are never dense as a whole."""

import resource

import numpy as np
import pytest
import scipy.sparse
import torch

from pyrovae import data, fit, log_evidence, nn
from pyrovae.data import SparseSplit, Split
from pyrovae.data.rows import SparseRows, find_rows
from pyrovae.errors import DataError
from pyrovae.models import VAE, ConditionalVAE
from tests.processes import forked

N, D = 60, 12


@pytest.fixture
def splits():
    x = torch.poisson(0.4 * torch.ones(N, D), generator=torch.Generator().manual_seed(0))
    y = torch.arange(N) % 3
    rows = SparseRows.of_scipy("x", scipy.sparse.csr_matrix(x.numpy()))
    return SparseSplit(rows, y), Split(x, y)


def test_is_a_split(splits):
    sparse, dense = splits
    assert isinstance(sparse, Split) and len(sparse) == N and sparse.shape == (D,)
    mask = dense.x.sum(-1) > 4
    for place in (slice(3, 9), slice(None, None, 7), torch.tensor([5, 0, 5]), mask, slice(0, 0)):
        assert torch.equal(sparse[place].x, dense[place].x)
        assert torch.equal(sparse[place].y, dense[place].y)
    assert torch.equal(sparse.subset(4).x, dense.x[:4])
    assert torch.equal(sparse.rows.totals(), dense.x.sum(-1).double())
    assert torch.equal(SparseSplit(dense.x).x, dense.x)
    part = sparse.dense_part()
    assert type(part) is Split and torch.equal(part.x, dense.x) and torch.equal(part.y, dense.y)
    stacked = SparseRows.stacked([sparse[:9].rows, sparse[9:9].rows, sparse[9:].rows])
    assert torch.equal(stacked[:][0], dense.x)
    for number in (0, 7, len(sparse.rows.values) - 1):
        row, place, value = sparse.rows.entry(number)
        assert float(dense.x[row, place]) == value != 0


def test_batches_and_rows_are_those_of_the_dense_split(splits):
    for with_labels in (False, True):
        sparse, dense = (s.labelled() if with_labels else s for s in splits)
        found = [list(data.batches(s, 16, seed=3, device="cpu").epoch(1)) for s in (sparse, dense)]
        for one, other in zip(*found, strict=True):
            assert len(one) == 1 + with_labels
            assert all(map(torch.equal, one, other))
        assert find_rows(sparse).width == 1 + with_labels
        assert all(map(torch.equal, data.rows(sparse)[2:5], data.rows(dense)[2:5]))


def test_training_and_measuring_give_the_same_numbers(splits):
    ends = []
    for split in splits:
        torch.manual_seed(0)
        pair = ConditionalVAE((D,), 2, num_classes=3, likelihood=nn.Poisson())
        whole = data.Dataset("x", split, split[:20], split[20:40]).labelled()
        fit(pair, whole, val=whole.val, epochs=2, seed=0, device="cpu", progress=False)
        ends.append(log_evidence(pair, whole.test, num_particles=5, seed=0).log_px)
        ends.append(pair.encode(whole.test).mean)
    assert torch.equal(ends[0], ends[2]) and torch.equal(ends[1], ends[3])


def _large(path):
    """Train on a matrix that takes 16 GB as a dense one, and print the memory that it took."""
    n, d, each = 200_000, 20_000, 3
    chosen = np.random.default_rng(0).integers(0, d, n * each)
    matrix = scipy.sparse.csr_matrix(
        (np.ones(n * each, np.float32), chosen, np.arange(0, n * each + 1, each)), (n, d)
    )
    scipy.sparse.save_npz(path, matrix, compressed=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    whole = data.counts(path, val=200, test=100)
    some = data.Dataset("some", whole.train[:200], whole.val[:100], whole.test)
    pair = VAE((d,), 2, likelihood=nn.Multinomial(), encoder=_narrow, decoder=_narrow)
    fit(pair, some, val=some.val, epochs=1, batch_size=100, device="cpu", progress=False)
    next(data.batches(whole.train, 100, device="cpu").epoch(0))
    log_evidence(pair, whole.test, num_particles=2, rows=50)
    with pytest.raises(DataError, match=r"dense tensor would take 15 GiB; take a part"):
        _ = whole.train.x
    assert len(whole.train.dense_part()) == 2**28 // (4 * d)
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20)


def _narrow(in_shape, out_shape):
    return nn.MLP(in_shape, out_shape, hidden=(4,))


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_SELF"), reason="needs Unix")
def test_a_matrix_beyond_memory_is_never_dense_as_a_whole(tmp_path):
    done = forked(_large, tmp_path / "m.npz", cwd=tmp_path, out=tmp_path / "out", timeout=120)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.split()[-1]) < 1, "GiB beyond what the imports take"


def test_refusals(splits):
    rows = splits[0].rows
    for y, message in ((torch.zeros(3), "y has 3 rows, x has 60"), (None, "y is None")):
        with pytest.raises(DataError, match=message):
            SparseSplit(rows, y, with_labels=True)
    with pytest.raises(DataError, match="not by 3"):
        splits[0][3]
    with pytest.raises(DataError, match="binary values are not drawn"):
        splits[0].binarized(0)
    with pytest.raises(DataError, match="give a dense Split"):
        SparseSplit(rows, dynamic=True)
    with pytest.raises(DataError, match="NaN or infinity"):
        SparseSplit(torch.tensor([[torch.nan, 0.0]]))

"""Every kind of data gives the numbers of the array that it was made of."""

import warnings

import numpy as np
import pytest
import torch

from pyrovae.data import Batches, arrays, batches, rows
from tests.kinds import ARRAYS, FILES, FRAMES, ITEMS, KINDS, SPARSE, SPLITS, bits

X = bits()
RANDOM_ACCESS = ARRAYS | SPARSE | FRAMES | SPLITS | FILES


@pytest.fixture
def made(request, tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse .* tensor support is in beta")
        return KINDS[request.param](X, tmp_path)


def whole(source, epoch=0, start=0):
    return torch.cat([x for (x,) in source.epoch(epoch, start)]).double().numpy()


@pytest.mark.parametrize("made", KINDS, indirect=True)
def test_batches_give_all_rows_in_their_order(made):
    source = batches(made, 7, shuffle=False, device="cpu")
    assert source.num_data == len(X)
    assert len(list(source.epoch(0))) == len(source)
    assert np.array_equal(whole(source), X) and np.array_equal(whole(source, 3), X)


@pytest.mark.parametrize("made", KINDS, indirect=True)
def test_an_epoch_goes_on_from_any_batch(made):
    source = batches(made, 7, seed=1, device="cpu")
    batch = [x.double().numpy() for (x,) in source.epoch(2)]
    again = [x.double().numpy() for (x,) in source.epoch(2, 3)]
    assert all(map(np.array_equal, batch[3:], again)) and len(again) == len(batch) - 3
    assert sorted(np.concatenate(batch).tolist()) == sorted(X.tolist())
    assert list(source.epoch(0, len(source))) == []


@pytest.mark.parametrize("made", RANDOM_ACCESS, indirect=True)
def test_the_shuffled_order_is_that_of_a_tensor(made):
    source = batches(made, 7, seed=5, drop_last=True, device="cpu")
    same = Batches(torch.tensor(X), 7, seed=5, drop_last=True, device="cpu")
    for epoch in range(2):
        assert np.array_equal(whole(source, epoch), whole(same, epoch))
    assert len(source) == 5 and source.smallest == 7


@pytest.mark.parametrize("made", KINDS, indirect=True)
def test_rows_are_taken_by_slices_and_by_numbers(made):
    found = rows(made)
    assert len(found) == len(X) and found.width == 1
    for some in (slice(None), slice(3, 9), slice(9, 3), slice(None, None, 3), slice(-2, None)):
        (x,) = found[some]
        assert np.array_equal(x.double().numpy(), X[some])
    for some in ([5, 3, 3, 39, 0], [], [7]):
        (x,) = found[torch.tensor(some, dtype=torch.int64)]
        assert np.array_equal(x.double().numpy(), X[some])
    (x,) = found[torch.tensor(X[:, 0] == 1)]
    assert np.array_equal(x.double().numpy(), X[X[:, 0] == 1])


@pytest.mark.parametrize("made", KINDS, indirect=True)
def test_arrays_keep_every_row_once(made):
    split = arrays(made, val=0, test=0).train
    assert sorted(split.x.double().tolist()) == sorted(X.tolist())
    assert split.x.is_floating_point()


@pytest.mark.parametrize("made", RANDOM_ACCESS, indirect=True)
def test_checksums_tell_other_rows(made):
    one = batches(made, 7, device="cpu")
    assert one.checksum() == batches(made, 9, shuffle=False, device="cpu").checksum()
    (x,) = rows(made)[:]
    other = x.clone()
    other[3, 2] = 1 - other[3, 2].double()
    assert Batches(x, 7, device="cpu").checksum() == one.checksum()
    assert Batches(other, 7, device="cpu").checksum() != one.checksum()


@pytest.mark.parametrize("made", ITEMS, indirect=True)
def test_items_are_shuffled_anew_in_every_epoch(made):
    one, two = (batches(made, 7, seed=5, device="cpu") for _ in range(2))
    assert np.array_equal(whole(one, 1), whole(two, 1))
    assert not np.array_equal(whole(one, 0), whole(one, 1))

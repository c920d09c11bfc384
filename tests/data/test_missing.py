"""Values taken away: how many, by seed alone, and never all of a row."""

import pytest
import torch

from pyrovae import data
from pyrovae.errors import ConfigError, DataError

WHOLE = data.arrays(torch.randn(400, 3, 4), val=100, test=50)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_the_share_that_is_missing(share):
    thin = data.missing(WHOLE, share, seed=1)
    for split, whole in (
        (thin.train, WHOLE.train),
        (thin.val, WHOLE.val),
        (thin.test, WHOLE.test),
    ):
        assert split.y.dtype == torch.bool and split.y.shape == whole.x.shape
        assert torch.equal(split.x, torch.where(split.y, whole.x, 0.0))
        n = split.y.numel()
        expected = (share - share**12) / (1 - share**12)  # of rows with something left
        error = (expected * (1 - expected) / n) ** 0.5
        assert abs(float((~split.y).double().mean()) - expected) <= 4 * error
    assert thin.info["missing"] == share


def test_masks_are_a_function_of_the_seed():
    one, same, other = (data.missing(WHOLE, 0.5, seed=s) for s in (1, 1, 2))
    assert torch.equal(one.train.y, same.train.y)
    assert not torch.equal(one.train.y, other.train.y)
    assert not torch.equal(one.train.y[:50], one.test.y)


def test_no_row_loses_everything():
    thin = data.missing(data.arrays(torch.randn(300, 2)), 0.8)
    assert all(s.y.any(1).all() for s in (thin.train, thin.val, thin.test))


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_is_below_one(share):
    with pytest.raises(ConfigError, match=r"needs a number in \[0, 1\)"):
        data.missing(WHOLE, share)


def test_batches_of_data_and_masks():
    thin = data.missing(data.digits(binarize="dynamic"), 0.5)
    x, mask = next(data.batches(thin.train.labelled(), 50, device="cpu").epoch(0))
    assert mask.dtype == torch.bool and x.shape == mask.shape
    assert not x[~mask].any() and set(x.unique().tolist()) == {0.0, 1.0}


class TestNaN:
    X = torch.tensor([[1.0, float("nan")], [float("nan"), 2.0]] * 10)

    def test_is_what_was_not_observed(self):
        split = data.arrays(self.X, missing=True, val=0, test=0).train
        assert sorted(map(tuple, split.x.tolist())) == [(0.0, 2.0)] * 10 + [(1.0, 0.0)] * 10
        assert torch.equal(split.y, split.x != 0)

    def test_is_refused_else_with_the_way_out(self):
        with pytest.raises(DataError, match="missing=True"):
            data.arrays(self.X)

    def test_rows_of_nothing(self):
        x = self.X.clone()
        x[3] = float("nan")
        with pytest.raises(DataError, match="1 of 20 rows .* the first is row 3"):
            data.arrays(x, missing=True)

    def test_leaves_no_room_for_labels(self):
        with pytest.raises(DataError, match="leave y out"):
            data.arrays(self.X, range(20), missing=True)

    def test_does_not_hide_infinity(self):
        with pytest.raises(DataError, match="NaN or infinity"):
            data.arrays(torch.tensor([[1.0, float("inf")]] * 9), missing=True)

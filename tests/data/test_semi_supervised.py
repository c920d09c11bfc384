"""Few labels, and batches that hold some of them."""

import pytest
import torch

from pyrovae import data, fit
from pyrovae.data import SemiSupervisedBatches, Split, batches, few_labels
from pyrovae.errors import ConfigError, DataError
from pyrovae.models import SemiSupervisedVAE
from pyrovae.objectives import StratifiedELBO


def test_equally_many_of_each_class():
    whole = data.digits()
    few = few_labels(whole, 50, seed=3)
    known = few.train.y >= 0
    assert torch.equal(few.train.y[known].bincount(), torch.full((10,), 5))
    assert torch.equal(few.train.y[known], whole.train.y[known])
    assert torch.equal(few.val.y, whole.val.y) and few.train.with_labels
    assert few.info["num_labelled"] == 50
    again, other = few_labels(whole, 50, seed=3), few_labels(whole, 50, seed=4)
    assert torch.equal(again.train.y, few.train.y) and not torch.equal(other.train.y, few.train.y)


@pytest.mark.parametrize("number", [0, 55, 100_000, -10])
def test_numbers_that_cannot_be(number):
    with pytest.raises(ConfigError, match="multiple of 10"):
        few_labels(data.digits(), number)


def test_data_without_classes():
    with pytest.raises(DataError, match="has no classes"):
        few_labels(data.arrays(torch.rand(20, 3)), 2)


def _split(n=50, known=7):
    y = torch.where(torch.arange(n) < known, torch.arange(n) % 3, -1)
    return Split(torch.arange(float(n))[:, None], y=y)


def test_an_epoch():
    source = SemiSupervisedBatches(_split(), 13, num_labelled=3, seed=1, device="cpu")
    seen, told = [], []
    for x, y in source.epoch(0):
        assert int((y >= 0).sum()) == 3 and (y[:3] >= 0).all()
        assert torch.equal(y[:3], x[:3, 0].long() % 3)
        told += x[:3, 0].tolist()
        seen += x[3:, 0].tolist()
    assert sorted(seen) == list(range(7, 50))
    # Seven by threes: two batches a round, of which each holds six different ones.
    assert len(set(told)) == 7, "all come round"
    assert len(source) == 5 and all(len(set(told[i : i + 6])) == 6 for i in (0, 6))


def test_a_batch_is_a_function_of_its_place():
    one, other = (SemiSupervisedBatches(_split(), 13, num_labelled=3, seed=1) for _ in "ab")
    whole = list(one.epoch(2))
    for start in (0, 3):
        for a, b in zip(whole[start:], other.epoch(2, start), strict=True):
            assert all(torch.equal(s, t) for s, t in zip(a, b, strict=True))
    following = next(one.epoch(3))[0]
    for rows in (slice(3), slice(3, None)):  # labelled, and the others
        assert not torch.equal(whole[0][0][rows], following[rows])
    assert batches(one, 5) is one and one.num_data == 50


def test_dynamic_binarisation_draws_both_afresh():
    split = Split(torch.full((40, 30), 0.5), y=_split(40).y, dynamic=True)
    source = SemiSupervisedBatches(split, 10, num_labelled=4, device="cpu")
    one, other = next(source.epoch(0))[0], next(source.epoch(1))[0]
    assert set(one.unique().tolist()) == {0.0, 1.0} and not torch.equal(one, other)


@pytest.mark.parametrize("number", [0, 13, 20])
def test_numbers_that_leave_no_room(number):
    with pytest.raises(ConfigError, match="room for unlabelled"):
        SemiSupervisedBatches(_split(), 13, num_labelled=number)


@pytest.mark.parametrize("known", [0, 50])
def test_all_alike(known):
    with pytest.raises(DataError, match="labelled and unlabelled"):
        SemiSupervisedBatches(_split(known=known), 13, num_labelled=3)


def test_start_outside_the_epoch():
    source = SemiSupervisedBatches(_split(), 13, num_labelled=3)
    with pytest.raises(DataError, match="start=9"):
        source.epoch(0, 9)


def test_trained_and_resumed_bit_for_bit(tmp_path):
    few = few_labels(data.digits(binarize="dynamic"), 50)
    small = Split(few.train.x[:300], y=few.train.y[:300], dynamic=True)

    def run(epochs, folder, resume=False):
        torch.manual_seed(0)
        vae = SemiSupervisedVAE(small.shape, 2, 10)
        source = SemiSupervisedBatches(small, 60, num_labelled=6, device="cpu")
        fit(vae.model, vae.guide, source, objective=StratifiedELBO(10), epochs=epochs,
            run_dir=tmp_path / folder, resume=resume, device="cpu", progress=False)  # fmt: skip
        return torch.cat([p.detach().flatten() for p in vae.parameters()])

    whole = run(2, "whole")
    run(1, "parts")
    assert torch.equal(whole, run(2, "parts", resume=True))

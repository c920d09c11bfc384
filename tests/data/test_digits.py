"""The embedded digits."""

import pytest
import torch
from sklearn.datasets import load_digits

from pyrovae.data import digits
from pyrovae.errors import ConfigError, DataError


def rows(x):
    return sorted(map(tuple, x.flatten(1).tolist()))


def test_levels_are_the_integers_0_to_16_and_every_digit_is_there_once():
    data = digits()
    x = torch.cat([split.x for split in (data.train, data.val, data.test)])
    assert x.dtype == torch.float32 and data.shape == (1, 8, 8) and data.name == "digits"
    assert set(x.unique().tolist()) == set(map(float, range(17)))
    assert [len(s) for s in (data.train, data.val, data.test)] == [1197, 200, 400]
    assert rows(x) == rows(torch.from_numpy(load_digits().data))
    assert data.train.y.dtype == torch.int64 and data.info["levels"] == 17
    assert data.info["binarize"] == "none"


def test_labels_stay_with_their_pixels():
    pixels, classes = load_digits(return_X_y=True)
    known = {tuple(p): c for p, c in zip(pixels.tolist(), classes.tolist(), strict=True)}
    test = digits(seed=4).test
    for x, y in zip(test.x.flatten(1).tolist(), test.y.tolist(), strict=True):
        assert known[tuple(x)] == y


def test_unit_and_binarised_are_the_same_rows():
    grey, unit = digits(), digits(unit=True)
    dynamic, static = digits(binarize="dynamic"), digits(binarize="static")
    assert torch.equal(unit.val.x * 16, grey.val.x) and unit.info["unit"]
    assert dynamic.train.dynamic and torch.equal(dynamic.train.x, unit.train.x)
    assert not static.train.dynamic and torch.equal(static.test.x, dynamic.test.x)
    certain = (grey.test.x == 0) | (grey.test.x == 16)
    assert torch.equal(dynamic.test.x[certain], unit.test.x[certain])
    assert torch.equal(dynamic.test.y, grey.test.y)


def test_the_seed_decides_the_split():
    assert torch.equal(digits(seed=1).val.x, digits(seed=1).val.x)
    assert not torch.equal(digits(seed=1).val.x, digits(seed=2).val.x)


def test_val_may_be_empty_and_bad_arguments_are_refused():
    assert len(digits(val_size=0).val) == 0
    assert len(digits(val_size=0, binarize="dynamic").val) == 0
    with pytest.raises(DataError, match="digits: 1000 rows for val and 797 for test out of 1797"):
        digits(val_size=1000, test_size=797)
    with pytest.raises(ConfigError, match="binarize='soft'"):
        digits(binarize="soft")

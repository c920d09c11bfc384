"""Which quadrants are given, that nothing is lost, and what cannot be cut."""

import pytest
import torch

from pyrovae import data
from pyrovae.errors import ConfigError, DataError, ShapeError

# By quadrant of a 5 x 4 image: top left, top right, bottom left, bottom right.
LEFT, TOP = torch.arange(4) < 2, (torch.arange(5) < 2)[:, None]
GIVEN = {1: ~TOP & LEFT, 2: LEFT.expand(5, 4), 3: TOP | LEFT}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize("lead", [(), (3,)])
def test_which_pixels_are_given(given, lead):
    image = torch.arange(20.0).reshape(5, 4).expand(*lead, 5, 4)
    whole = data.arrays(image.expand(10, *image.shape).clone())
    cut = data.quadrants(whole, given)
    known = GIVEN[given].expand(image.shape)
    for split in (cut.train, cut.val, cut.test):
        assert torch.equal(split.y[0], image[known])
        assert torch.equal(split.x[0], image[~known])
    assert cut.info["quadrants"] == given


@pytest.mark.parametrize("given", GIVEN)
def test_nothing_is_lost(given):
    whole = data.digits()
    cut = data.quadrants(whole, given).test
    assert torch.equal(data.join_quadrants(cut.x, cut.y, (1, 8, 8), given), whole.test.x)
    many = data.join_quadrants(cut.x.expand(7, *cut.x.shape), cut.y, (1, 8, 8), given)
    assert torch.equal(many[3], whole.test.x)


def test_what_is_to_be_found_is_binarised_afterwards():
    grey = data.quadrants(data.digits(unit=True), 2)
    cut = grey.binarized("dynamic")
    assert torch.equal(cut.train.y, grey.train.y) and torch.equal(cut.test.y, grey.test.y)
    x, y = next(data.batches(cut.train.labelled(), 100, shuffle=False, device="cpu").epoch(0))
    assert set(x.unique().tolist()) == {0.0, 1.0} and len(y.unique()) > 2


def test_what_cannot_be_cut():
    with pytest.raises(ConfigError, match="given=4, and of four quadrants 1, 2 or 3"):
        data.quadrants(data.digits(), 4)
    with pytest.raises(ShapeError, match="not images of at least 2 by 2"):
        data.quadrants(data.arrays(torch.zeros(10, 5)), 1)
    with pytest.raises(DataError, match="binarise what is to be found"):
        data.quadrants(data.digits(binarize="dynamic"), 1)
    with pytest.raises(ShapeError, match="48 to find and 16 given"):
        data.join_quadrants(torch.zeros(3, 16), torch.zeros(3, 48), (1, 8, 8), 1)

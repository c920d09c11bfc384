"""Foreign data made of normal ones."""

import pytest
import torch

from pyrovae.apply.anomaly.foreign import KINDS, foreign_data, like
from pyrovae.errors import ConfigError, ShapeError

LEVELS = torch.randint(0, 17, (40, 1, 4, 4), generator=torch.Generator().manual_seed(0)).float()
REAL = torch.randn(400, 5, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("x", [LEVELS, REAL, LEVELS.to(torch.uint8)],
                         ids=["levels", "real", "uint8"])  # fmt: skip
def test_shape_type_and_range_are_kept(kind, x):
    found = foreign_data(kind, x, seed=1)
    assert found.shape == x.shape and found.dtype == x.dtype
    assert found.min() >= x.min() and found.max() <= x.max()
    assert torch.equal(found, foreign_data(kind, x, seed=1))
    if x is LEVELS:
        assert torch.equal(found, found.round())


def test_what_each_is():
    assert (foreign_data("constant", LEVELS).flatten(1).std(1) == 0).all()
    shuffled = foreign_data("shuffled", LEVELS)
    assert torch.equal(shuffled.flatten(1).sort(1).values, LEVELS.flatten(1).sort(1).values)
    assert not torch.equal(shuffled, LEVELS)
    assert torch.equal(foreign_data("inverted", LEVELS), 16 - LEVELS)
    assert foreign_data("mean", REAL).std() < 0.2 * REAL.std()


def test_shapes():
    assert like(LEVELS.flatten(1), LEVELS).shape == LEVELS.shape
    with pytest.raises(ShapeError, match=r"\[5\] each, and the pair's own are \[1, 4, 4\]"):
        like(REAL, LEVELS)
    with pytest.raises(ConfigError, match="no foreign data 'fog'.*'constant'"):
        foreign_data("fog", LEVELS)

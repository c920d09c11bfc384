"""NaN and infinity are found in what a pair is called with."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.particles.non_finite import find_non_finite, makes_non_finite


def model(x, mask=None):
    weight = pyro.param("weight", torch.ones(()))
    with pyro.plate("data", len(x)):
        made = dist.Normal(weight, 1.0).expand([3])
        made = made if mask is None else made.mask(mask)
        pyro.sample("x", made.to_event(1), obs=x)


def guide(x, mask=None):
    pass


def test_the_first_number_is_named():
    x = torch.zeros(6, 2, 2)
    x[2, 1, 0], x[2, 1, 1], x[4, 0, 0] = torch.nan, torch.inf, -torch.inf
    found = find_non_finite((x, torch.zeros(6)), ("x", "y"), start=10)
    assert str(found) == "x holds nan at row 12, column 2, one of 2 such rows of 6"
    assert str(found.at(95, "row 2 of the batch")) == (
        "x holds nan at row 95 (row 2 of the batch), column 2, one of 2 such rows of 6"
    )
    assert "at row 2 of the batch, column" in str(found.at(None, "row 2 of the batch"))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_every_argument_is_looked_at(value):
    y = torch.zeros(4)
    y[3] = value
    found = find_non_finite((torch.zeros(4, 2), torch.arange(4), "name", y), tuple("abcd"))
    assert str(found) == f"d holds {value} at row 3, column 0"


def test_finite_numbers_are_nothing():
    assert find_non_finite((torch.zeros(4), torch.ones(4).bool(), None), tuple("abc")) is None
    assert find_non_finite((torch.full((2,), 3e38),), ("x",)) is None


def test_a_pair_may_take_nan():
    x = torch.zeros(4, 3)
    x[1, 2] = torch.nan
    with pyro.get_param_store().scope():
        assert makes_non_finite(model, guide, (x,))
        assert not makes_non_finite(model, guide, (x, x.isfinite()))
        assert not makes_non_finite(model, guide, (torch.zeros(4, 3),))
        assert not makes_non_finite(model, guide, (torch.zeros(4, 2),))  # another error says so


def test_nothing_moves():
    state = torch.get_rng_state()
    with pyro.get_param_store().scope():
        makes_non_finite(lambda x: pyro.sample("z", dist.Normal(0.0, 1.0)), guide, (1,))
    assert torch.equal(state, torch.get_rng_state())

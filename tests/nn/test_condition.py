"""Classes and values as networks see them."""

import pyro
import pytest
import torch
from torch.nn.functional import one_hot

from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.nn.condition import Condition

Y = torch.tensor([2, 0, 2])
BATCH = Y.shape


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_classes_are_one_hot(dtype):
    given = Condition(4, None, "here").to(dtype)(Y, BATCH)
    assert given.dtype == dtype
    assert torch.equal(given, one_hot(Y, 4).to(dtype))


def test_values_stay_what_they_are():
    y = torch.randint(0, 9, (3, 2, 2))
    given = Condition(None, (2, 2), "here").double()(y, BATCH)
    assert torch.equal(given, y.double())


@pytest.mark.parametrize("y", [[0, 4, 1], [0, -1, 1], [0.0, 1.5, 1.0]])
def test_classes_out_of_range(y):
    condition, y = Condition(4, None, "here"), torch.tensor(y)
    with pytest.raises(DataError, match=rf"here got the class {y[1].item():g}, .* allows 0..3"):
        condition(y, BATCH)
    with pyro.validation_enabled(False):
        assert condition(y, BATCH)[1].sum() == 0


@pytest.mark.parametrize(
    ("condition", "y"),
    [((4, None), torch.zeros(3, 4)), ((4, None), torch.tensor(1)), ((4, None), torch.zeros(2)),
     ((None, (2,)), torch.zeros(3)), ((None, (2,)), torch.zeros(3, 3))],
)  # fmt: skip
def test_y_of_another_shape(condition, y):
    with pytest.raises(ShapeError, match="here got y of shape"):
        Condition(*condition, "here")(y, BATCH)


@pytest.mark.parametrize("arguments", [(None, None), (3, (3,))])
def test_classes_or_values(arguments):
    with pytest.raises(ConfigError, match="give num_classes, 1 or more, where y are classes, or"):
        Condition(*arguments, "here")


@pytest.mark.parametrize("number", [0, -1, 2.5, "3"])
def test_a_number_of_classes_that_cannot_be(number):
    with pytest.raises(ConfigError, match="here got num_classes=.* whole number, at least 1"):
        Condition(number, None, "here")


def test_classes_that_were_never_noted_are_refused():
    condition = Condition(4, None, "here")
    ask = condition(torch.tensor([3]), torch.Size([1]))
    condition.check_seen(ask)  # nothing is known of its past
    condition.note(condition(Y, BATCH))
    condition.check_seen(condition(Y, BATCH))
    with pytest.raises(DataError, match=r"classes \[0, 2\] and is asked for \[3\]"):
        condition.check_seen(ask)
    again = Condition(4, None, "here")
    again.load_state_dict(condition.state_dict())
    assert torch.equal(again.seen, condition.seen)

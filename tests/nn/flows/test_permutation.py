"""Orders of the dimensions, which are saved."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.nn.flows import Permutation


def test_random_orders_differ_and_are_saved():
    one, other = Permutation(20), Permutation(20)
    assert not torch.equal(one.order, other.order)
    assert torch.equal(one.order.sort().values, torch.arange(20))
    other.load_state_dict(one.state_dict())
    z = torch.randn(3, 20)
    assert torch.equal(other.condition()(z), one.condition()(z))
    assert torch.equal(other.condition().inv(one.condition()(z)), z)


def test_an_unknown_order():
    with pytest.raises(ConfigError, match="order='sorted'; choose 'random' or 'reversed'"):
        Permutation(3, order="sorted")

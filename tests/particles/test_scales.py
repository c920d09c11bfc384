"""The one scale of a pair."""

import pyro
import pytest
import torch
from pyro import poutine

from pyrovae.errors import ScaleError
from pyrovae.particles.layout import Layout
from pyrovae.particles.scales import common_scale
from tests.particles.small_pairs import normal, sites_of


class TestCommonScale:
    layout = Layout(None, -1, 1, 3)

    def _scaled(self, scale, side="model", size=3):
        def program():
            with pyro.plate("data", size):
                normal()

        return sites_of(poutine.scale(program, scale=scale), side)

    def test_a_number(self):
        assert common_scale(self._scaled(0.5), self.layout) == 0.5
        assert common_scale([], self.layout) == 1.0

    def test_a_scalar_tensor_keeps_its_kind(self):
        scale = common_scale(self._scaled(torch.tensor([0.5])), self.layout)
        assert torch.equal(scale, torch.tensor(0.5))

    def test_one_per_datum(self):
        weights = torch.tensor([1.0, 2.0, 3.0])
        assert torch.equal(common_scale(self._scaled(weights), self.layout), weights)
        behind = Layout(-3, -2, 3, 3)
        assert torch.equal(common_scale(self._scaled(weights[:, None], size=1), behind), weights)

    def test_one_per_member_is_refused(self):
        with pytest.raises(ScaleError, match=r"shape \[3\].*one per datum"):
            common_scale(self._scaled(torch.ones(3)), Layout(None, -2, 2, 3))

    @pytest.mark.parametrize("other", [0.5001, torch.tensor(0.7), torch.tensor([0.5, 0.5, 0.6])])
    def test_unequal(self, other):
        both = self._scaled(0.5, "guide") + self._scaled(other)
        with pytest.raises(ScaleError, match="site 'z' of the model is scaled by.*by 0.5;"):
            common_scale(both, self.layout)

    def test_equal_up_to_rounding(self):
        both = self._scaled(1 / 3, "guide") + self._scaled(torch.tensor(1 / 3))
        assert common_scale(both, self.layout) == pytest.approx(1 / 3)

"""What particles know of the whole pair."""

import pytest
import torch
from pyro import poutine

from pyrovae.errors import ScaleError
from pyrovae.particles import draw
from tests.particles.small_pairs import X, call_of, normal_pair


def test_scale_is_kept_apart():
    assert draw(*call_of("subsampled_plate")).scale == pytest.approx(2.0)
    assert draw(*call_of("scaled_pair")).scale == pytest.approx(0.01)
    assert draw(*call_of("module_functions")).scale == 1.0


def test_a_scale_may_weigh_each_datum():
    model, guide = normal_pair()
    weights = torch.tensor([1.0, 0.5, 2.0])
    scaled = [poutine.scale(f, scale=weights) for f in (model, guide)]
    torch.testing.assert_close(draw(*scaled, X, num_particles=4).scale, weights)
    with pytest.raises(ScaleError, match="one per datum"):
        draw(*scaled, X, batch_plate=None)

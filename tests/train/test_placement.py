"""A pair's tensors are found and moved, and stay the tensors that they are."""

import pytest
import torch
from torch import nn

from pyrovae.errors import ParameterError
from pyrovae.particles.parameters import trainable
from pyrovae.train.placement import place
from tests.pairs import STYLES
from tests.train.pairs import batch, networks, pair

CPU = torch.device("cpu")


@pytest.mark.parametrize("style", [s for s in STYLES if s != "pyro_module_local"])
def test_tensors_stay_the_tensors_that_they_are(style):
    made = STYLES[style](torch.float32)
    before = trainable(made.model, made.guide, *made.args)
    placed, _ = place(made.model, made.guide, made.args, CPU)
    assert before.keys() == placed.leaves.keys()
    assert all(leaf is placed.leaves[name] for name, leaf in before.items())


def test_buffers_move_with_their_data():
    encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4))
    placed, _ = place(*pair(encoder, nn.Linear(2, 6)), (batch(),), CPU)
    assert set(map(id, placed.buffers.values())) == set(map(id, encoder.buffers()))
    assert encoder in placed.networks
    assert encoder[1].num_batches_tracked == 0  # looking has no side effects


def test_a_pair_that_is_at_nan_is_found_all_the_same():
    nets = networks()
    nets[0][0].weight.data.fill_(float("nan"))
    assert len(place(*pair(*nets), (batch(),), CPU)[0].leaves) == 6


def test_an_undeclared_network_is_an_error():
    with pytest.raises(ParameterError, match="not declared"):
        place(*pair(*networks(), declare=False), (batch(),), CPU)

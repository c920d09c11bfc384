"""One run of a pair tells what several did."""

import pyro
import pytest
import torch
from torch import nn

from pyrovae.particles.inventory import take_inventory
from pyrovae.particles.parameters import buffers, trainable
from tests.pairs import STYLES


@pytest.mark.parametrize("style", STYLES)
def test_is_what_parameters_and_buffers_are_by_themselves(style):
    made = STYLES[style](torch.float64)
    with pyro.settings.context(module_local_params=made.local_params):
        inventory, _ = take_inventory(made.model, made.guide, made.args)
        leaves = trainable(made.model, made.guide, *made.args)
        constants = buffers(made.model, made.guide, *made.args)
    assert list(inventory.leaves) == list(leaves) and list(inventory.buffers) == list(constants)
    assert all(leaf is leaves[name] for name, leaf in inventory.leaves.items() if name in leaves)
    assert all(tensor is constants[name] for name, tensor in inventory.buffers.items())


def test_runs_the_pair_once_and_leaves_it_as_it_was():
    norm, runs = nn.BatchNorm1d(2), []

    def model(x):
        runs.append("model")
        pyro.module("norm", norm)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", pyro.distributions.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", pyro.distributions.Normal(norm(z), 1.0).to_event(1), obs=x)

    def guide(x):
        runs.append("guide")
        with pyro.plate("data", len(x)):
            pyro.sample("z", pyro.distributions.Normal(x, 1.0).to_event(1))

    state = torch.get_rng_state()
    inventory, (of_guide, of_model) = take_inventory(model, guide, (torch.randn(5, 2),))
    torch.set_rng_state(state)
    assert runs == ["guide", "model"]
    assert inventory.networks == [norm] and norm.num_batches_tracked == 0
    assert set(inventory.buffers) == {
        "norm$$$running_mean", "norm$$$running_var", "norm$$$num_batches_tracked"
    }  # fmt: skip
    assert len(inventory.tensors) == 5
    assert list(of_guide.sites) == ["z"] and list(of_model.sites) == ["z", "x"]

"""`check` leaves the store, networks, gradients, random streams and data as they were."""

import random

import numpy as np
import pyro
import pytest
import torch
from pyro.infer.autoguide import AutoNormal
from torch import nn

from pyrovae import check
from pyrovae.models import VAE, VQVAE
from tests import pairs

from .faulty import CASES
from .faulty.case import DATA, LATENT, X, net, sound_guide, sound_model


def _state(*networks):
    store = pyro.get_param_store()
    return {
        "names": list(store._params),
        "leaves": [id(leaf) for leaf in store._params.values()],
        "values": [leaf.detach().tolist() for leaf in store._params.values()],
        "torch": torch.get_rng_state().tolist(),
        "numpy": np.random.get_state()[1].tolist(),
        "python": random.getstate(),
        "modes": [m.training for n in networks for m in n.modules()],
        "tensors": [t.detach().tolist() for n in networks for t in n.state_dict().values()],
        "grads": [
            None if p.grad is None else p.grad.tolist() for n in networks for p in n.parameters()
        ],
        "attributes": [sorted(vars(m)) for n in networks for m in n.modules()],
        "validation": torch.distributions.Distribution._validate_args,
    }


def _noisy():
    return nn.Sequential(net(LATENT, DATA), nn.BatchNorm1d(DATA), nn.Dropout(0.5))


@pytest.mark.parametrize("kind", ["networks", "params", "family", "codes", "autoguide"])
def test_nothing_changes(kind):
    decoder, encoder = _noisy(), net(DATA, 2 * LATENT)
    model, guide, networks = sound_model(decoder), sound_guide(encoder), [decoder, encoder]
    x = X.clone()
    if kind == "params":
        pair = pairs.param_functions(torch.float32)
        model, guide, networks = pair.model, pair.guide, []
    if kind in ("family", "codes"):
        pair = VAE((DATA,), LATENT) if kind == "family" else VQVAE.example()
        x = (
            (X > 0).float()
            if kind == "family"
            else torch.randint(0, 17, (8, *pair.data_shape)).float()
        )
        model, guide, networks = pair.model, pair.guide, [pair]
    if kind == "autoguide":
        guide = AutoNormal(model)
        networks = [decoder, guide]
    for network in networks:
        network.train()
        for parameter in network.parameters():
            parameter.grad = torch.ones_like(parameter)
    pyro.module("before", net(2, 2))
    before, data = _state(*networks), x.clone()
    everything = kind in ("networks", "autoguide")
    check(model, guide, x, objectives=everything, capture=everything)
    after = _state(*networks)
    assert [key for key in before if before[key] != after[key]] == []
    assert torch.equal(x, data)


def test_faulty_pairs_are_left_alone_too():
    for name in ("counter_in_a_network", "writes_into_the_data", "encoder_under_no_grad"):
        model, guide, x = CASES[name].make(False)
        data, before = x.clone(), _state()
        check(model, guide, x, objectives=False, capture=False)
        assert torch.equal(x, data) and _state() == before

"""Compiled steps of Adam over networks whose gradients inductor lays out in its own order."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae.objectives import ELBO
from pyrovae.train import SVI
from pyrovae.train.optim import together

ADAMS = {
    "Adam": lambda leaves: torch.optim.Adam(leaves, lr=1e-2),
    "AdamW": lambda leaves: torch.optim.AdamW(leaves, lr=1e-2, weight_decay=0.1),
}


def convolutional():
    encoder = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1), nn.SiLU(), nn.Flatten(), nn.Linear(48, 4)
    )
    decoder = nn.Sequential(
        nn.Linear(2, 48), nn.Unflatten(1, (3, 4, 4)), nn.ConvTranspose2d(3, 2, 3, padding=1)
    )

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(3), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    networks = nn.ModuleList([encoder, decoder]).double()
    return model, guide, networks


def run(name, compile):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    model, guide, networks = convolutional()
    x = torch.randn(5, 2, 4, 4, dtype=torch.float64)
    svi = SVI(model, guide, ADAMS[name](networks.parameters()), ELBO(), compile=compile)
    losses = [svi.step(x) for _ in range(6)]
    assert not compile or svi._compiled.captured.refusal == ""
    return losses, list(networks.parameters())


@pytest.mark.parametrize("name", ADAMS)
def test_convolutions_are_trained_as_without_compiling(name, monkeypatch):
    monkeypatch.setattr(together, "_MANY", 1)
    (losses, leaves), (again, others) = run(name, False), run(name, True)
    torch.testing.assert_close(again, losses, rtol=1e-9, atol=0)
    torch.testing.assert_close(others, leaves, rtol=1e-7, atol=1e-9)

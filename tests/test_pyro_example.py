"""Pyro's own VAE example in spirit: its networks and its data treatment, under both SVIs."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import pyrovae
from pyrovae import data
from pyrovae.objectives import ELBO

LATENT, HIDDEN, PIXELS = 50, 400, 784


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.out = nn.Linear(LATENT, HIDDEN), nn.Linear(HIDDEN, PIXELS)
        self.softplus = nn.Softplus()

    def forward(self, z):
        return torch.sigmoid(self.out(self.softplus(self.hidden(z))))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(PIXELS, HIDDEN)
        self.loc, self.log_scale = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)
        self.softplus = nn.Softplus()

    def forward(self, x):
        hidden = self.softplus(self.hidden(x.reshape(-1, PIXELS)))
        return self.loc(hidden), torch.exp(self.log_scale(hidden))


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", x.shape[0]):
            zeros, ones = x.new_zeros(x.shape[0], LATENT), x.new_ones(x.shape[0], LATENT)
            z = pyro.sample("latent", dist.Normal(zeros, ones).to_event(1))
            image = dist.Bernoulli(self.decoder(z), validate_args=False).to_event(1)
            pyro.sample("obs", image, obs=x.reshape(-1, PIXELS))

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", x.shape[0]):
            pyro.sample("latent", dist.Normal(*self.encoder(x)).to_event(1))


@pytest.fixture(scope="module")
def images():
    """Digits enlarged to 28x28 and binarised, in batches of 256."""
    grey = data.digits(unit=True).train.x
    large = nn.functional.pad(nn.functional.interpolate(grey, scale_factor=3.0), (2, 2, 2, 2))
    return (large > 0.5).float().split(256)


def losses(svi_class, loss, images):
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    vae = VAE()
    svi = svi_class(vae.model, vae.guide, pyro.optim.Adam({"lr": 1e-3}), loss=loss)
    trained = [svi.step(x) for _ in range(3) for x in images]
    return trained, svi.evaluate_loss(images[0]), vae


def test_both_svis_take_the_same_steps(images):
    theirs, held, first = losses(pyro.infer.SVI, pyro.infer.Trace_ELBO(), images)
    ours, again, second = losses(pyrovae.SVI, pyro.infer.Trace_ELBO(), images)
    assert theirs == ours
    assert held == again
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    assert ours[-1] < 0.8 * ours[0], "it learns"


def test_the_library_s_elbo_takes_them_too(images):
    theirs, _, _ = losses(pyro.infer.SVI, pyro.infer.Trace_ELBO(), images)
    ours, _, _ = losses(pyrovae.SVI, ELBO(), images)
    assert ours == pytest.approx(theirs, rel=1e-5)

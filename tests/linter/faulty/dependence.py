"""What depends on what."""

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from .case import DATA, LATENT, X, case, net, sound_guide, sound_model


@case("PV401", "warning", "x", line='pyro.sample("x"')
def decoder_ignores_z(mended):
    decoder, start = net(LATENT, DATA), torch.zeros(DATA)

    def model(x):
        pyro.module("decoder", decoder)
        bias = pyro.param("bias", start)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            made = decoder(z if mended else torch.zeros_like(z)) + bias
            pyro.sample("x", dist.Normal(made, 1.0).to_event(1), obs=x)

    return model, sound_guide(), X


@case("PV402", "warning", "z", line='pyro.sample("z"')
def encoder_ignores_x(mended):
    encoder = net(DATA, 2 * LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x if mended else torch.ones_like(x)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return sound_model(), guide, X


@case("PV403", "fault", "x", line='pyro.sample("x"')
def observes_something_else(mended):
    decoder, other = net(LATENT, DATA), torch.zeros(len(X), DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            data = x if mended else other[: len(x)]
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=data)

    return model, sound_guide(), X


@case("PV404", "warning", "z", line='pyro.sample("z"')
def normalised_over_the_batch(mended):
    encoder = net(DATA, 2 * LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        x = x if mended else (x - x.mean(0)) / x.std(0)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return sound_model(), guide, X


@case("PV405", "information")
def batch_norm(mended):
    norm = nn.LayerNorm(DATA) if mended else nn.BatchNorm1d(DATA)
    return sound_model(), sound_guide(nn.Sequential(norm, net(DATA, 2 * LATENT))), X


class _Dropping(nn.Module):
    def __init__(self, mended):
        super().__init__()
        self.inner, self.mended = net(LATENT, DATA), mended

    def forward(self, z):
        training = self.training if self.mended else True
        return nn.functional.dropout(self.inner(z), 0.5, training=training)


@case("PV406", "warning", "x", line='pyro.sample("x"')
def dropout_in_evaluation(mended):
    return sound_model(_Dropping(mended)), sound_guide(), X


@case("PV407", "information")
def dropout(mended):
    decoder = nn.Sequential(net(LATENT, DATA), nn.Dropout(0.0 if mended else 0.3))
    return sound_model(decoder), sound_guide(), X

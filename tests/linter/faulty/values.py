"""Distributions, the data that they score, and numbers that are none."""

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from .case import BITS, DATA, LATENT, X, case, net, sound_guide, sound_model


@case("PV301", "fault", "z", line='pyro.sample("z"')
def negative_scale(mended):
    encoder = net(DATA, 2 * LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, scale = encoder(x).chunk(2, -1)
            scale = nn.functional.softplus(scale) if mended else scale
            pyro.sample("z", dist.Normal(loc, scale).to_event(1))

    return sound_model(), guide, X


@case("PV302", "fault", "z", line='pyro.sample("z"')
def nan_in_the_data(mended):
    x = X.clone()
    if not mended:
        x[3, 1] = torch.nan
    return sound_model(), sound_guide(), x


@case("PV302", "fault", "x", line='pyro.sample("x"')
def nan_that_validation_would_not_see(mended):
    inner = net(LATENT, DATA)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, z):
            made = self.inner(z)
            return made if mended else made.clamp(max=-1e-3).log() * 0 + made

    return sound_model(Decoder()), sound_guide(), X


@case("PV303", "fault", "x", line='pyro.sample("x"')
def negative_counts(mended):
    head = lambda made: dist.Poisson(made.exp())  # noqa: E731
    return sound_model(head=head), sound_guide(), (X.abs() * 3).round() * (1 if mended else -1)


@case("PV304", "fault", "x", line="dist.Bernoulli(", changed="dist.ContinuousBernoulli(")
def grey_under_bernoulli(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    return model, sound_guide(), BITS if mended else X.sigmoid()


@case("PV305", "fault", "z", line="dist.Normal(loc", changed="dist.LogNormal(loc")
def normal_guide_of_a_gamma_prior(mended):
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Gamma(x.new_ones(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            if mended:
                pyro.sample("z", dist.LogNormal(loc, log_scale.exp()).to_event(1))
            else:
                pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


@case("PV306", "warning", "z", line='pyro.sample("z"')
def positive_guide_of_a_normal_prior(mended):
    encoder = net(DATA, 2 * LATENT)
    kind = dist.Normal if mended else dist.LogNormal

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", kind(loc, log_scale.exp()).to_event(1))

    return sound_model(), guide, X


def _saturated(bias):
    decoder = net(LATENT, DATA)
    decoder[-1].bias.data.fill_(bias)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(torch.sigmoid(decoder(z))).to_event(1), obs=x)

    return model, sound_model(decoder, head=lambda made: dist.Bernoulli(logits=made))


@case("PV307", "warning", "x", line="torch.sigmoid(", changed="dist.Bernoulli(logits=(decoder(z))")
def sigmoid_without_gradient(mended):
    return _saturated(-20.0)[mended], sound_guide(), BITS


@case("PV307", "information", "x", line="torch.sigmoid(")
def sigmoid_before_bernoulli(mended):
    return _saturated(0.0)[mended], sound_guide(), BITS


@case("PV308", "warning", "x", line="dist.Bernoulli(logits=", changed="dist.Bernoulli(probs=")
def sigmoid_under_logits(mended):
    decoder = net(LATENT, DATA)
    decoder = decoder if mended else nn.Sequential(decoder, nn.Sigmoid())

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)

    return model, sound_guide(), BITS


@case("PV309", "warning", "x", line='pyro.sample("x"')
def float64_among_float32(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            scale = torch.ones(DATA, dtype=torch.float32 if mended else torch.float64)
            pyro.sample("x", dist.Normal(decoder(z), scale).to_event(1), obs=x)

    return model, sound_guide(), X


@case("PV311", "warning", "x", line='pyro.sample("x"')
def data_in_the_ten_thousands(mended):
    return sound_model(), sound_guide(), X if mended else 3e4 * X

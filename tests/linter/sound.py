"""Sound pairs of unusual kinds, on which nothing may be found."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer.autoguide import AutoNormal
from pyro.nn import PyroModule, PyroParam, pyro_method
from torch import nn

from .faulty.case import BITS, DATA, LATENT, X, net, sound_guide, sound_model


def zero_initialised_encoder():
    """Its last layer starts at zero, so that at first no draw depends on the data."""
    encoder = net(DATA, 2 * LATENT)
    nn.init.zeros_(encoder[-1].weight)
    nn.init.zeros_(encoder[-1].bias)
    return sound_model(), sound_guide(encoder), X


def zero_initialised_decoder():
    decoder = net(LATENT, DATA)
    nn.init.zeros_(decoder[-1].weight)
    return sound_model(decoder), sound_guide(), X


def a_batch_of_one():
    return sound_model(), sound_guide(), X[:1]


def equal_rows():
    return sound_model(), sound_guide(), X[:1].expand(12, -1).clone()


def whole_numbers():
    """Tokens under a Categorical, by an embedding."""
    embed, encoder, decoder = nn.Embedding(5, 3), net(9, 2 * LATENT), net(LATENT, 15)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(LATENT), 1.0).to_event(1))
            logits = decoder(z).unflatten(-1, (3, 5))
            pyro.sample("x", dist.Categorical(logits=logits).to_event(1), obs=x)

    def guide(x):
        pyro.module("embed", embed)
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(embed(x).flatten(-2)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, torch.arange(36).reshape(12, 3) % 5


def masked_sequences():
    """Lengths as a second argument, and a mask."""
    decoder = net(LATENT, 1)

    def model(x, lengths):
        pyro.module("decoder", decoder)
        keep = torch.arange(x.shape[1]) < lengths[:, None]
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            fn = dist.Normal(decoder(z).expand_as(x), 1.0).mask(keep).to_event(1)
            pyro.sample("x", fn, obs=x)

    inner = sound_guide()

    def guide(x, lengths):
        inner(x)

    return model, guide, X, torch.arange(12) % 6 + 1


def gamma_latents():
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Gamma(x.new_ones(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            shape, rate = nn.functional.softplus(encoder(x)).chunk(2, -1)
            pyro.sample("z", dist.Gamma(shape + 0.1, rate + 0.1).to_event(1))

    return model, guide, X


def beta_guide_of_a_uniform_prior():
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Uniform(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            a, b = (nn.functional.softplus(encoder(x)) + 0.5).chunk(2, -1)
            pyro.sample("z", dist.Beta(a, b).to_event(1))

    return model, guide, X


def simplex_latents():
    decoder, encoder = net(3, DATA), net(DATA, 3)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Dirichlet(x.new_ones(3)))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Dirichlet(nn.functional.softplus(encoder(x)) + 0.1))

    return model, guide, X


def global_weights():
    """Bayesian weights of a decoder, outside of the plate over data."""
    start = torch.zeros(LATENT, DATA)

    def model(x):
        w = pyro.sample("w", dist.Normal(start, 1.0).to_event(2))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ w, 1.0).to_event(1), obs=x)

    inner = sound_guide()

    def guide(x):
        loc = pyro.param("loc", start + 0.1)
        scale = pyro.param("scale", start + 0.1, constraint=dist.constraints.positive)
        pyro.sample("w", dist.Normal(loc, scale).to_event(2))
        inner(x)

    return model, guide, X


def auxiliary_noise():
    """A guide with an auxiliary draw that the model lacks."""
    encoder = net(DATA + 1, 2 * LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            a = pyro.sample("a", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})
            loc, log_scale = encoder(torch.cat([x, a[..., None]], -1)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return sound_model(), guide, X


def learned_prior_and_scale():
    class Both(PyroModule):
        def __init__(self):
            super().__init__()
            self.encoder, self.decoder = net(DATA, 2 * LATENT), net(LATENT, DATA)
            self.prior_scale = PyroParam(torch.ones(LATENT), dist.constraints.positive)
            self.log_sigma = nn.Parameter(torch.zeros(DATA))

        @pyro_method
        def model(self, x):
            with pyro.plate("data", len(x)):
                prior = dist.Normal(x.new_zeros(LATENT), self.prior_scale).to_event(1)
                z = pyro.sample("z", prior)
                scale = self.log_sigma.exp()
                pyro.sample("x", dist.Normal(self.decoder(z), scale).to_event(1), obs=x)

        @pyro_method
        def guide(self, x):
            with pyro.plate("data", len(x)):
                loc, log_scale = self.encoder(x).chunk(2, -1)
                pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    both = Both()
    return both.model, both.guide, X


def frozen_decoder():
    return sound_model(net(LATENT, DATA).requires_grad_(False)), sound_guide(), X


def pretrained_features():
    """A frozen network under no_grad before the encoder."""
    features = net(DATA, DATA).requires_grad_(False)
    encoder = net(DATA, 2 * LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        with torch.no_grad():
            seen = features(x)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(seen).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return sound_model(), guide, X


def scaled_on_both_sides():
    return *(poutine.scale(f, scale=0.01) for f in (sound_model(), sound_guide())), X


def whole_data_autoguide():
    model = sound_model()
    return model, AutoNormal(model), X


def bits_with_probabilities_of_a_table():
    """A Bernoulli of probabilities that no sigmoid gives."""
    encoder, table = net(DATA, 3), torch.rand(3, DATA) * 0.8 + 0.1

    def model(x):
        probs = pyro.param("probs", table, constraint=dist.constraints.unit_interval)
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(x.new_ones(3) / 3))
            pyro.sample("x", dist.Bernoulli(probs[k]).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Categorical(logits=encoder(x)))

    return model, guide, BITS


def two_views():
    """Two observed sites with a latent of their own each, and one that they share."""
    decoders = nn.ModuleList([net(2 * LATENT, DATA, s) for s in (1, 2)])
    encoder = net(2 * DATA, 6 * LATENT)

    def model(x, y):
        pyro.module("decoders", decoders)
        with pyro.plate("data", len(x)):
            draw = [
                pyro.sample(n, dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1)) for n in "sab"
            ]
            for name, value, own, decoder in zip("xy", (x, y), draw[1:], decoders, strict=True):
                made = decoder(torch.cat([draw[0], own], -1))
                pyro.sample(name, dist.Normal(made, 1.0).to_event(1), obs=value)

    def guide(x, y):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            made = encoder(torch.cat([x, y], -1)).chunk(6, -1)
            for i, name in enumerate("sab"):
                fn = dist.Normal(made[2 * i], made[2 * i + 1].exp())
                pyro.sample(name, fn.to_event(1))

    return model, guide, X, X.flip(0)


PAIRS = [
    zero_initialised_encoder, zero_initialised_decoder, a_batch_of_one, equal_rows,
    whole_numbers, masked_sequences, gamma_latents, beta_guide_of_a_uniform_prior,
    simplex_latents, global_weights, auxiliary_noise, learned_prior_and_scale, frozen_decoder,
    pretrained_features, scaled_on_both_sides, whole_data_autoguide,
    bits_with_probabilities_of_a_table, two_views,
]  # fmt: skip

"""Gradients that end on their way."""

import pyro
import pyro.distributions as dist
from torch import nn

from .case import DATA, LATENT, X, case, net, sound_guide, sound_model


@case("PV113", "warning", "z", line='pyro.sample("z"')
def loc_detached(mended):
    encoder = net(DATA, 2 * LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            loc = loc if mended else loc.detach()
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return sound_model(), guide, X


@case("PV408", "fault", "x", line='pyro.sample("x"')
def latents_detached(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            made = decoder(z if mended else z.detach())
            pyro.sample("x", dist.Normal(made, 1.0).to_event(1), obs=x)

    return model, sound_guide(), X


@case("PV408", "fault", "x", line='pyro.sample("x"')
def latents_rounded(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            made = decoder(z if mended else (4 * z).detach().round() / 4)
            pyro.sample("x", dist.Normal(made, 1.0).to_event(1), obs=x)

    return model, sound_guide(), X


@case("PV403", "warning", "x", line='pyro.sample("x"')
def data_and_output_swapped(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            one, other = (decoder(z), x) if mended else (x, decoder(z))
            pyro.sample("x", dist.Normal(one, 1.0).to_event(1), obs=other)

    return model, sound_guide(), X


@case("PV308", "warning", "x", line='pyro.sample("x"')
def softmax_under_logits_of_classes(mended):
    decoder = nn.Sequential(net(LATENT, 3 * DATA), nn.Unflatten(-1, (DATA, 3)))

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            logits = decoder(z) if mended else decoder(z).softmax(-1)
            pyro.sample("x", dist.Categorical(logits=logits).to_event(1), obs=x)

    return model, sound_guide(), (X > 0).float() + (X > 1).float()


@case("PV404", "warning", "squares", line='pyro.factor("squares"')
def factor_of_the_whole_batch(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            squares = (x - decoder(z)).square()
            pyro.factor("squares", -squares.sum(-1) if mended else -squares.sum())
            if mended:
                pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    return model, sound_guide(), X


@case("PV306", "warning", "k", line='pyro.sample("k"')
def fewer_classes_than_the_prior(mended):
    encoder = net(DATA, 5 if mended else 2)

    def model(x):
        locs = pyro.param("locs", X[:5])
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(x.new_ones(5) / 5))
            pyro.sample("x", dist.Normal(locs[k], 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Categorical(logits=encoder(x)))

    return model, guide, X

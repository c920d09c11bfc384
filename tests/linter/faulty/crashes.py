"""Pairs that do not run."""

import pyro
import pyro.distributions as dist

from .case import DATA, LATENT, X, case, net, sound_guide, sound_model


@case("PV001", "fault", line="decoder(z)")
def wrong_width(mended):
    return sound_model(net(LATENT if mended else 3, DATA)), sound_guide(), X


@case("PV002", "fault", "x", line="decoder(z), 1.0), obs=x", changed="1.0).to_event(1), obs=x)")
def no_to_event(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            if mended:
                pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)
            else:
                pyro.sample("x", dist.Normal(decoder(z), 1.0), obs=x)

    return model, sound_guide(), X


@case("PV003", "fault", line="def guide(x):")
def guide_takes_less(mended):
    inner = sound_guide()

    def guide(x):
        inner(x)

    return sound_model(), inner if mended else guide, X, X


@case("PV001", "fault", "z", line="obs=loc")
def guide_observes_the_latent(mended):
    encoder = net(DATA, LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            loc = encoder(x)
            if mended:
                pyro.sample("z", dist.Normal(loc, 1.0).to_event(1))
            else:
                pyro.sample("z", dist.Normal(loc, 1.0).to_event(1), obs=loc)

    return sound_model(), guide, X


@case("PV002", "fault", "z", line='pyro.sample("z"')
def plate_of_all_data(mended):
    encoder = net(DATA, LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x) if mended else 600):
            pyro.sample("z", dist.Normal(encoder(x), 1.0).to_event(1))

    return sound_model(), guide, X

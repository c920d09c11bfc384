"""Sites of model and guide that do not fit together."""

import pyro
import pyro.distributions as dist
import torch

from .case import DATA, LATENT, X, case, net, sound_guide, sound_model


def _model(observe=True, name="z"):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample(name, dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x if observe else None)

    return model


@case("PV201", "fault", "w", line="pyro.sample(name")
def guide_lacks_a_latent(mended):
    return _model(name="z" if mended else "w"), sound_guide(), X


@case("PV202", "fault", "z", line='pyro.sample("z"')
def model_lacks_a_latent(mended):
    return _model(name="z" if mended else "w"), sound_guide(), X


@case("PV203", "fault", "x", line='pyro.sample("x"')
def guide_observes(mended):
    def guide(x):
        loc = pyro.param("loc", torch.zeros(LATENT))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc + x[:, :2], 1.0).to_event(1))
            if not mended:
                pyro.sample("x", dist.Normal(x, 1.0).to_event(1), obs=x)

    return sound_model(), guide, X


@case("PV204", "fault", "x", line="obs=x if observe else None")
def nothing_observed(mended):
    def guide(x):
        loc = pyro.param("loc", torch.zeros(LATENT))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc + x[:, :2], 1.0).to_event(1))
            if not mended:
                pyro.sample("x", dist.Normal(x, 1.0).to_event(1))

    return _model(observe=mended), guide, X


@case("PV205", "fault", "z", line='pyro.sample("z"')
def guide_of_one_dim(mended):
    size = LATENT if mended else 1

    def guide(x):
        loc = pyro.param("loc", torch.zeros(size))
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc + x[:, :1], 1.0).to_event(1))

    return sound_model(), guide, X


@case("PV206", "fault", "x", line="obs=x")
def data_broadcast(mended):
    encoder = net(DATA if mended else 1, 2 * LATENT)
    return sound_model(), sound_guide(encoder), X if mended else X[:, :1]


@case("PV207", "fault", "extra", line='pyro.sample("extra"')
def other_sites_in_another_run(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)
            if not mended and z.sum() > 0:
                pyro.sample("extra", dist.Normal(z[:, 0], 1.0), obs=x[:, 0])

    def guide(x):
        scale = pyro.param("s", torch.ones(LATENT), constraint=dist.constraints.positive)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x[:, :2], 3 * scale).to_event(1))

    return model, guide, X

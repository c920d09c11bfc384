"""Plates and scales."""

from contextlib import nullcontext

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from pyro.infer.autoguide import AutoNormal

from .case import DATA, LATENT, X, case, net, sound_guide, sound_model


def _pair(model_plate, guide_plate, model_scale=1.0, guide_scale=1.0, rows=lambda x: x):
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def model(x):
        pyro.module("decoder", decoder)
        with model_plate(x) as chosen:
            with poutine.scale(scale=model_scale):
                z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            x = x if chosen is None else x[chosen]
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with guide_plate(x) as chosen, poutine.scale(scale=guide_scale):
            x = x if chosen is None else x[chosen]
            loc, log_scale = encoder(rows(x)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


def _whole(x):
    return pyro.plate("data", len(x))


def _half(x):
    return pyro.plate("data", len(x), subsample_size=len(x) // 2)


@case("PV211", "warning", "z", line='pyro.sample("z"')
def two_plates_of_the_data(mended):
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)
    name = "data" if mended else "latents"

    def model(x):
        pyro.module("decoder", decoder)
        plate = pyro.plate(name, len(x))
        with plate:
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
        with plate if mended else pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate(name, len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


@case("PV211", "warning", "extra", line='pyro.factor("extra"')
def factor_outside_the_plate(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)
            if mended:
                pyro.factor("extra", -z.square().sum(-1))
        if not mended:
            pyro.factor("extra", -z.square().sum())

    return model, sound_guide(), X


@case("PV212", "warning", "x", line='pyro.sample("x"')
def no_plate(mended):
    def plate(x):
        return pyro.plate("data", len(x)) if mended else nullcontext()

    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def model(x):
        pyro.module("decoder", decoder)
        with plate(x):
            z = pyro.sample("z", dist.Normal(x.new_zeros(len(x), LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with plate(x):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


@case("PV213", "warning", "z_0", line='pyro.sample(f"z_{i}"')
def sequential_plate(mended):
    if mended:
        return sound_model(), sound_guide(), X
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def model(x):
        pyro.module("decoder", decoder)
        for i in pyro.plate("data", len(x)):
            z = pyro.sample(f"z_{i}", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample(f"x_{i}", dist.Normal(decoder(z), 1.0).to_event(1), obs=x[i])

    def guide(x):
        pyro.module("encoder", encoder)
        for i in pyro.plate("data", len(x)):
            loc, log_scale = encoder(x[i]).chunk(2, -1)
            pyro.sample(f"z_{i}", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


@case("PV214", "fault", "z", line='pyro.sample("z"')
def guide_lacks_the_subsampled_plate(mended):
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def plate(x):
        return pyro.plate("data", 100, subsample=torch.arange(len(x)))

    def model(x):
        pyro.module("decoder", decoder)
        with plate(x):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with plate(x) if mended else nullcontext():
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


@case("PV214", "fault", "z", line='pyro.sample("z"')
def guide_states_another_size(mended):
    def of(size):
        return lambda x: pyro.plate("data", size, subsample=torch.arange(len(x)))

    return _pair(of(100), of(100 if mended else 12))


@case("PV215", "fault", "z", line='pyro.sample("z"')
def annealed_on_one_side(mended):
    return _pair(_whole, _whole, model_scale=0.1, guide_scale=0.1 if mended else 1.0)


@case("PV216", "information", "x", line='pyro.sample("x"')
def annealed_on_both_sides(mended):
    scale = 1.0 if mended else 0.1
    return _pair(_whole, _whole, model_scale=scale, guide_scale=scale)


@case("PV217", "fault", "x", line='pyro.sample("x"', changed=".to_event(1), obs=x)")
def log_density_of_every_pixel(mended):
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def model(x):
        pyro.module("decoder", decoder)
        with pyro.plate("data", len(x), dim=-2 if not mended else -1):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            z = z.reshape(len(x), LATENT)
            if mended:
                pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)
            else:
                pyro.sample("x", dist.Normal(decoder(z), 1.0), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        loc, log_scale = encoder(x).chunk(2, -1)
        if not mended:
            loc, log_scale = loc[:, None], log_scale[:, None]
        with pyro.plate("data", len(x), dim=-2 if not mended else -1):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


@case("PV218", "information", "z", line='pyro.sample("z"')
def plate_without_size(mended):
    return _pair(*[_whole if mended else lambda x: pyro.plate("data", dim=-1)] * 2)


@case("PV219", "information")
def two_plates_around_all(mended):
    decoder, encoder = net(LATENT, DATA), net(DATA, 2 * LATENT)

    def plates(x):
        return nullcontext() if mended else pyro.plate("one", 1, dim=-2)

    def model(x):
        pyro.module("decoder", decoder)
        with plates(x), pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with plates(x), pyro.plate("data", len(x), dim=-1):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide, X


@case("PV220", "information", line="x[chosen]")
def one_size_only(mended):
    return _pair(*[_whole if mended else lambda x: pyro.plate("data", len(X))] * 2)


@case("PV221", "warning", "AutoNormal.locs.z")
def autoguide_under_minibatches(mended):
    model = sound_model()
    return model, sound_guide() if mended else AutoNormal(model), X.repeat(10, 1)

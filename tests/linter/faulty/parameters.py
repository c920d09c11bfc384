"""Parameters that would not train, or are shared by accident."""

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule, pyro_method

from .case import DATA, LATENT, X, case, net, sound_guide, sound_model


@case("PV101", "fault", "x", line='pyro.sample("x"')
def module_never_declared(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        if mended:
            pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    return model, sound_guide(), X


class _Both(PyroModule):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = net(DATA, 2 * LATENT), net(LATENT, DATA)

    def bare_model(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(self.decoder(z), 1.0).to_event(1), obs=x)

    def bare_guide(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    model, guide = pyro_method(bare_model), pyro_method(bare_guide)


@case("PV101", "fault", "z", line='pyro.sample("z"')
def method_that_is_no_pyro_method(mended):
    both = _Both()
    if mended:
        return both.model, both.guide, X
    return both.bare_model, both.bare_guide, X


@case("PV102", "fault", "net$$$0.weight", line='pyro.module("net", decoder)')
def two_networks_under_one_name(mended):
    decoder = net(LATENT, DATA)

    def model(x):
        if mended:
            pyro.module("decoder", decoder)
        else:
            pyro.module("net", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    return model, sound_guide(name="net"), X


@case("PV103", "fault", "encoder$$$0.weight", line='pyro.module("encoder"')
def encoder_under_no_grad(mended):
    encoder = net(DATA, 2 * LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        with torch.set_grad_enabled(mended):
            loc, log_scale = encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return sound_model(), guide, X


@case("PV104", "warning")
def nothing_trains(mended):
    encoder, decoder = net(DATA, 2 * LATENT), net(LATENT, DATA)
    for part in (encoder, decoder):
        part.requires_grad_(mended)
    return sound_model(decoder), sound_guide(encoder), X


@case("PV105", "information")
def decoder_frozen(mended):
    return sound_model(net(LATENT, DATA).requires_grad_(mended)), sound_guide(), X


@case("PV106", "information", "decoder$$$0.weight", line="pyro.module(name, decoder)")
def a_second_model_in_the_process(mended):
    if not mended:
        pyro.module("decoder", net(LATENT, DATA, 9))
    return sound_model(), sound_guide(), X


@case("PV107", "information", "decoder$$$0.weight", line="pyro.module(name, decoder)")
def weights_not_contiguous(mended):
    decoder = net(LATENT, DATA)
    if not mended:
        decoder[0].weight.data = decoder[0].weight.data.t().contiguous().t()
    return sound_model(decoder), sound_guide(), X


@case("PV108", "fault", "decoder$$$0.bias")
def parameter_is_nan(mended):
    decoder = net(LATENT, DATA)
    if not mended:
        decoder[0].bias.data[1] = torch.nan
    return sound_model(decoder), sound_guide(), X


@case("PV109", "fault", "decoder$$$0.weight")
def network_made_in_the_model(mended):
    once = net(LATENT, DATA)

    def model(x):
        sound_model(once if mended else net(LATENT, DATA))(x)

    return model, sound_guide(), X


@case("PV110", "information", "spare", line='pyro.module("spare"')
def network_not_used(mended):
    spare, rest = net(DATA, DATA), sound_model()

    def model(x):
        if not mended:
            pyro.module("spare", spare)
        rest(x)

    return model, sound_guide(), X


@case(
    "PV111", "warning", "sigma", line='pyro.param("sigma"',
    changed="constraint=dist.constraints.positive)",
)  # fmt: skip
def scale_without_constraint(mended):
    decoder, positive = net(LATENT, DATA), dist.constraints.positive

    def model(x):
        pyro.module("decoder", decoder)
        if mended:
            sigma = pyro.param("sigma", torch.ones(DATA), constraint=positive)
        else:
            sigma = pyro.param("sigma", torch.ones(DATA))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), sigma).to_event(1), obs=x)

    return model, sound_guide(), X


@case("PV101", "fault", "x", line='pyro.sample("x"')
def tensor_never_declared(mended):
    scale = torch.nn.Parameter(torch.tensor(0.3))

    def model(x):
        width = pyro.param("scale", torch.tensor(0.3)) if mended else scale
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ x.new_ones(LATENT, DATA), width).to_event(1), obs=x)

    return model, sound_guide(), X

"""What estimators make of a pair."""

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import transforms
from torch import nn

from .case import DATA, LATENT, X, case, net, sound_guide, sound_model


@case("PV601", "information", "z", line='pyro.sample("z"')
def flow_without_inverse(mended):
    encoder, flow = net(DATA, 2 * LATENT), transforms.planar(LATENT)
    if mended:
        flow = transforms.affine_coupling(LATENT)

    def guide(x):
        pyro.module("encoder", encoder)
        pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            base = dist.Normal(loc, log_scale.exp()).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(base, [flow]))

    return sound_model(), guide, X


@case("PV602", "information")
def one_batch_axis(mended):
    decoder = net(LATENT, DATA)
    if not mended:
        decoder = nn.Sequential(decoder, nn.Flatten(1), nn.Linear(DATA, DATA))

    return sound_model(decoder), sound_guide(), X


@case("PV603", "information", "z1", line='pyro.sample("z1"')
def bottom_up(mended):
    decoder = net(LATENT, DATA)
    first, second, prior = net(DATA, 4), net(LATENT, 4), net(LATENT, LATENT)
    both = net(DATA, 4)

    def model(x):
        pyro.module("decoder", decoder)
        pyro.module("prior", prior)
        with pyro.plate("data", len(x)):
            z2 = pyro.sample("z2", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            z1 = pyro.sample("z1", dist.Normal(prior(z2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z1), 1.0).to_event(1), obs=x)

    def draw(name, made):
        loc, log_scale = made.chunk(2, -1)
        return pyro.sample(name, dist.Normal(loc, log_scale.exp()).to_event(1))

    def guide(x):
        pyro.module("first", first)
        pyro.module("second", both if mended else second)
        with pyro.plate("data", len(x)):
            if mended:
                draw("z2", both(x))
                draw("z1", first(x))
            else:
                made = first(x)
                z1 = pyro.sample("z1", dist.Normal(made[:, :2], made[:, 2:].exp()).to_event(1))
                draw("z2", second(z1))

    return model, guide, X


@case("PV604", "information", "k", line='pyro.sample("k"')
def latent_without_rsample(mended):
    encoder, locs = net(DATA, 3), torch.randn(3, DATA)
    infer = {"enumerate": "parallel"} if mended else {}

    def model(x):
        means = pyro.param("locs", locs)
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(x.new_ones(3) / 3))
            pyro.sample("x", dist.Normal(means[k], 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Categorical(logits=encoder(x)), infer=infer)

    return model, guide, X


def _guide_of(flow, base):
    def guide(x):
        loc = pyro.param("loc", torch.zeros(x.shape[1], base))
        if isinstance(flow, nn.Module):
            pyro.module("flow", flow)
        with pyro.plate("data", len(x)):
            drawn = dist.Normal(x @ loc, 1.0).to_event(1)
            pyro.sample("z", dist.TransformedDistribution(drawn, [flow]))

    return guide


class _Doubling(transforms.AffineTransform):
    """Forgets half of its dims in the log-determinant."""

    bijective = True

    def log_abs_det_jacobian(self, x, y):
        return super().log_abs_det_jacobian(x, y) / 2


@case("PV310", "fault", "z", line='pyro.sample("z"')
def wrong_log_determinant(mended):
    kind = transforms.AffineTransform if mended else _Doubling
    flow = kind(torch.zeros(LATENT), torch.full((LATENT,), 3.0), event_dim=1)
    return sound_model(), _guide_of(flow, LATENT), X


@case("PV112", "information", "z", line='pyro.sample("z"')
def permutation_that_is_no_module(mended):
    permute = transforms.Permute(torch.tensor([1, 0]))
    flow = transforms.affine_coupling(LATENT) if mended else permute
    return sound_model(), _guide_of(flow, LATENT), X

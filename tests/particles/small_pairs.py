"""Small pairs of normals, and the pairs of every style."""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine

from pyrovae.particles.traces import sample_sites
from tests.pairs import STYLES


def pair_of(style="module_functions"):
    return STYLES[style](torch.float64)


def call_of(style):
    pair = pair_of(style)
    return pair.model, pair.guide, *pair.args


def normal_pair(model_plate="data", guide_plate="data", latent="z"):
    def model(x):
        with pyro.plate(model_plate, len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate(guide_plate, len(x)):
            pyro.sample(latent, dist.Normal(x, 1.0))

    return model, guide


X = torch.tensor([0.5, -1.0, 2.0])


def sites_of(program, side="model"):
    trace = poutine.trace(program).get_trace()
    return [(side, name, site) for name, site in sample_sites(trace).items()]


def normal(name="z", shape=()):
    return pyro.sample(name, dist.Normal(torch.zeros(shape), 1.0))

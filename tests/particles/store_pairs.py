"""Pairs that use the parameter store, and ways to use a pair."""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import Trace_ELBO
from pyro.nn import PyroModule, PyroParam
from torch import nn

from pyrovae import SVI, compare, elbo_parts, fit, log_evidence, trainable
from pyrovae.objectives import ELBO

X = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))


def networks(seed):
    torch.manual_seed(seed)
    return nn.Linear(3, 4), nn.Linear(2, 3)


def pair(encoder, decoder, **options):
    def model(x):
        pyro.module("decoder", decoder, **options)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder, **options)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def adam(lr):
    return pyro.optim.Adam({"lr": lr})


def trained(model, guide, x, objective, lr, steps=6, **options):
    svi = SVI(model, guide, adam(lr), objective, **options)
    return [svi.step(x) for _ in range(steps)]


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def parameters(*modules):
    return [p.detach().clone() for module in modules for p in module.parameters()]


USES = {
    "log_evidence": lambda m, g: log_evidence(m, g, X, num_particles=3, seed=0),
    "elbo_parts": lambda m, g: elbo_parts(m, g, X, seed=0),
    "compare": lambda m, g: compare(
        m, g, X, [ELBO()], num_draws=2, repeats=1, evidence_particles=5
    ),
    "trainable": lambda m, g: trainable(m, g, X),
    "evaluate_loss": lambda m, g: SVI(m, g, adam(0.0), ELBO()).evaluate_loss(X),
    "fit": lambda m, g: fit(m, g, X, objective=ELBO(), epochs=2, lr=0.0, progress=False),
    "SVI": lambda m, g: trained(m, g, X, Trace_ELBO(), 0.0),
    "SVI compiled": lambda m, g: trained(m, g, X, ELBO(), 0.0, compile=True),
}


Y = X[:, 0] + 3


def bayesian(x):
    mean = pyro.sample("mean", dist.Normal(0.0, 10.0))
    scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(mean, scale), obs=x)


class Model(PyroModule):
    def __init__(self, layer=nn.Linear):
        super().__init__()
        self.decoder = layer(2, 3)
        self.bias = nn.Parameter(torch.zeros(3))
        self.sigma = PyroParam(torch.tensor(0.8), dist.constraints.positive)
        self.shift = PyroParam(torch.zeros(3))

    def forward(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            loc = self.decoder(z) + self.bias + self.shift
            pyro.sample("x", dist.Normal(loc, self.sigma).to_event(1), obs=x)


class Guide(PyroModule):
    def __init__(self, layer=nn.Linear):
        super().__init__()
        self.encoder = layer(3, 4)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


TRAIN = {
    "fit": lambda m, g, x, o: fit(m, g, x, objective=o, epochs=5, lr=0.1, progress=False),
    "SVI": lambda m, g, x, o: trained(m, g, x, o, 0.1),
    "SVI of Pyro's loss": lambda m, g, x, o: trained(m, g, x, Trace_ELBO(), 0.1),
}

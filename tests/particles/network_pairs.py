"""Pairs of networks that are declared in several ways."""

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule, PyroParam
from torch import nn

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def local_params(local):
    return pyro.settings.context(module_local_params=local)


def model_of(net, name="decoder", register=pyro.module):
    def model(x):
        if register:
            register(name, net)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(net(z), 1.0).to_event(1), obs=x)

    return model


def guide_of(net, name="encoder", register=pyro.module):
    def guide(x):
        if register:
            register(name, net)
        with pyro.plate("data", len(x)):
            loc, log_scale = net(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return guide


class ModelModule(PyroModule):
    def __init__(self, name="net"):
        super().__init__()
        self.name = name
        setattr(self, name, nn.Linear(2, 3))
        self.norm = nn.BatchNorm1d(3, affine=False)
        self.sigma = PyroParam(torch.tensor(0.8), dist.constraints.positive)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            loc = self.norm(getattr(self, self.name)(z))
            pyro.sample("x", dist.Normal(loc, self.sigma).to_event(1), obs=x)


class GuideModule(PyroModule):
    def __init__(self, name="net"):
        super().__init__()
        self.name = name
        setattr(self, name, nn.Linear(3, 4))
        self.norm = nn.BatchNorm1d(3, affine=False)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = getattr(self, self.name)(self.norm(x)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

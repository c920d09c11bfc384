"""Pairs whose networks cannot take the particle axis, or compute something else with it."""

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae.errors import (
    ParticleAxisWarning,
)

B, L, D = 4, 3, 6
X = torch.linspace(-1.0, 1.0, B * D).reshape(B, D)


class Net(nn.Module):
    """A layer after what a function makes of the latents."""

    def __init__(self, reshape, size=L, *modules):
        super().__init__()
        torch.manual_seed(1)
        self.reshape, self.last = reshape, nn.Linear(size, D)
        self.modules_ = nn.ModuleList(modules)

    def forward(self, z):
        return self.last(self.reshape(z, *self.modules_))


class Pair:
    def __init__(self, net, latent=L, num_data=B, discrete=False):
        torch.manual_seed(2)
        self.net, self.enc = net, nn.Linear(D, 2 * latent)
        self.latent, self.discrete = latent, discrete
        self.x = X[:num_data]
        self.runs = 0

    def model(self, x):
        self.runs += 1
        pyro.module("net", self.net)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(self.latent), 1.0).to_event(1))
            loc = self.net(z)
            pyro.sample("x", dist.Normal(loc, 0.5).to_event(loc.dim() - (z.dim() - 1)), obs=x)

    def guide(self, x):
        pyro.module("enc", self.enc)
        with pyro.plate("data", len(x)):
            loc, log_scale = self.enc(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    @property
    def call(self):
        return self.model, self.guide, self.x


def of_rnn(z, rnn):
    return rnn(z.unsqueeze(1))[0][:, -1]


def of_attention(z, attention):
    return attention(z.unsqueeze(1), z.unsqueeze(1), z.unsqueeze(1))[0].squeeze(1)


def unpacked(z):
    rows, columns = z.shape
    return z.reshape(rows, columns)


def asserted(z):
    assert z.dim() == 2
    return z


def images():
    up = nn.Sequential(nn.Unflatten(1, (L, 1, 1)), nn.ConvTranspose2d(L, 1, (2, 3)), nn.Flatten(1))
    return Net(lambda z, up: up(z), D, up)


# By what raises, and by what computes something else without a word.
REFUSE = {
    "flatten": lambda: Pair(Net(lambda z: z.flatten(1))),
    "view as rows": lambda: Pair(Net(lambda z: z.view(len(z), -1))),
    "one datum": lambda: Pair(Net(lambda z: z.view(len(z), -1)), num_data=1),
    "view flat": lambda: Pair(Net(lambda z: z.reshape(-1, L))),
    "convolutions": lambda: Pair(images()),
    "recurrent": lambda: Pair(Net(of_rnn, L, nn.GRU(L, L, batch_first=True))),
    "attention": lambda: Pair(Net(of_attention, L, nn.MultiheadAttention(L, 1, batch_first=True))),
    "batch norm": lambda: Pair(Net(lambda z, n: n(z), L, nn.BatchNorm1d(L))),
    "unpacked": lambda: Pair(Net(unpacked)),
    "asserted": lambda: Pair(Net(asserted)),
}


MISTAKE = {
    "softmax": lambda: Pair(Net(lambda z: z.softmax(1))),
    "unit sphere": lambda: Pair(Net(lambda z: z / z.norm(dim=1, keepdim=True))),
    "cumulated": lambda: Pair(Net(lambda z: z.cumsum(1))),
    "columns": lambda: Pair(Net(lambda z: z[:, :1], 1), latent=1),
    "centred": lambda: Pair(Net(lambda z: z - z.mean(0))),
    "batch norm of as many units as data": lambda: Pair(
        Net(lambda z, n: n(z), B, nn.BatchNorm1d(B)), latent=B
    ),
    "convolution of as many channels as data": lambda: Pair(
        Net(lambda z, c: c(z.unsqueeze(-1)).squeeze(-1), B, nn.Conv1d(B, B, 1)), latent=B
    ),
    "gated": lambda: Pair(Net(lambda z: z * z.amax(1, keepdim=True).sigmoid())),
}


def seeded(make):
    def pair():
        torch.manual_seed(3)
        return make()

    return pair


PAIRS = {name: seeded(make) for name, make in (REFUSE | MISTAKE).items()}


def warnings_of(caught):
    return [w for w in caught if issubclass(w.category, ParticleAxisWarning)]

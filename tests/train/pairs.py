"""A small pair, data and options that the tests of training share."""

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae.train import Callback

QUIET = {"progress": False, "device": "cpu"}


def networks(seed=1):
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 4))
    return encoder, nn.Linear(2, 6)


def pair(encoder, decoder, declare=True):
    def model(x):
        if declare:
            pyro.module("decoder", decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(decoder(z), 0.8).to_event(1), obs=x)

    def guide(x):
        pyro.module("encoder", encoder)
        loc, log_scale = encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return model, guide


def batch(rows=8):
    return torch.randn(rows, 6, generator=torch.Generator().manual_seed(2))


def x_of(rows=40):
    return batch(rows)


def state(nets):
    """Copies of all parameters and buffers."""
    return [p.detach().clone() for net in nets for p in net.state_dict().values()]


def same(one, other):
    """Whether tensors are equal, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


class Log(Callback):
    """Notes its calls, and stops the run after a step."""

    def __init__(self, stop_at=None):
        self.calls, self.stop_at = [], stop_at

    def on_start(self, loop):
        self.calls.append(("start", loop.step, loop.total_steps, loop.progress))

    def on_step(self, loop):
        self.calls.append(("step", loop.epoch, loop.step))
        if loop.step == self.stop_at:
            loop.request_stop()

    def on_epoch(self, loop):
        self.calls.append(("epoch", loop.epoch, loop.step, len(loop.history)))

    def on_end(self, loop):
        self.calls.append(("end", loop.step))

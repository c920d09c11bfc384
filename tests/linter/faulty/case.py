"""A faulty pair, and the same with the remedy applied."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import nn

X = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
BITS = (X > 0).float()
LATENT, DATA = 2, 6


@dataclass(frozen=True)
class Case:
    """What one faulty pair must give.

    Attributes:
        code: Of the finding.
        severity: Of the finding.
        site: Which it names; "" where it names none.
        line: A part of the line that it names; "" where it may name none.
        changed: A part of the changed line; "" where there may be none.
        make: Gives model, guide and the rest for False, the mended pair for True.
    """

    code: str
    severity: str
    site: str
    line: str
    changed: str
    make: Callable[[bool], tuple[Any, ...]]


CASES: dict[str, Case] = {}


def case(code: str, severity: str, site: str = "", *, line: str = "", changed: str = ""):
    def add(make):
        CASES[make.__name__] = Case(code, severity, site, line, changed, make)
        return make

    return add


def net(n_in: int, n_out: int, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(n_in, 5), nn.Tanh(), nn.Linear(5, n_out))


def sound_model(decoder=None, name="decoder", head=lambda made: dist.Normal(made, 1.0)):
    decoder = net(LATENT, DATA, 1) if decoder is None else decoder

    def model(x, *_):
        pyro.module(name, decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).to_event(1))
            pyro.sample("x", head(decoder(z)).to_event(1), obs=x)

    return model


def sound_guide(encoder=None, name="encoder"):
    encoder = net(DATA, 2 * LATENT, 2) if encoder is None else encoder

    def guide(x, *_):
        pyro.module(name, encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = encoder(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return guide

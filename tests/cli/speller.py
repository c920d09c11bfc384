"""Data and a pair of text, as a user would write them in a file of their own."""

SPELLER = """
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae.data import Dataset, Split
from pyrovae.nn import Described


def letters(path: str = "names.txt") -> Dataset:
    lines = Path(path).read_text().split()
    symbols = sorted(set("".join(lines)))
    x = torch.tensor([[symbols.index(c) for c in line] for line in lines])
    supplies = {"vocabulary": {"symbols": symbols}}
    return Dataset("letters", Split(x[4:]), Split(x[:2]), Split(x[2:4]), supplies=supplies)


class Speller(nn.Module):
    def __init__(self, data_shape, vocabulary, latent_dim: int = 2):
        super().__init__()
        self.vocabulary = Described(vocabulary)
        self.symbols = vocabulary["symbols"]
        self.length, self.latent_dim = data_shape[0], latent_dim
        self.encoder = nn.Linear(self.length, 2 * latent_dim)
        self.decoder = nn.Linear(latent_dim, self.length * len(self.symbols))

    def model(self, x):
        pyro.module("pair", self)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            logits = self.decoder(z).unflatten(-1, (self.length, -1))
            pyro.sample("x", dist.Categorical(logits=logits).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("pair", self)
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x.float()).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    def to_text(self, x):
        return ["".join(self.symbols[int(code)] for code in row) for row in x]
"""
NAMES = "anna otto emma hana nina mona\n"

OTHERS = '''
import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae.data import Dataset, Split


class Pair(nn.Module):
    """Of vectors, which a subclass reads as something else."""

    def __init__(self, data_shape):
        super().__init__()
        self.shape, self.size = tuple(data_shape), torch.Size(data_shape).numel()
        self.encoder, self.decoder = nn.Linear(self.size, 4), nn.Linear(2, self.size)

    def model(self, x):
        pyro.module("pair", self)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            loc = self.decoder(z).unflatten(-1, self.shape)
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(len(self.shape)), obs=x)

    def guide(self, x):
        pyro.module("pair", self)
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x.flatten(1)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


class Sounds(Pair):
    sample_rate = 8000

    def to_sound(self, x):
        return x.flatten(1).repeat(1, 50)


class Rows(Pair):
    def to_columns(self, x):
        names = ("age", "<b>kind</b>", "none")
        flat = x.flatten(1)
        kinds = ["=evil()" if v > 0 else "b, c" for v in flat[:, 1]]
        return dict(zip(names, (flat[:, 0].tolist(), kinds, [None] * len(x))))


class Lines(Pair):
    def to_series(self, x):
        return x


class Counts(Pair):
    pass


def _set(*shape):
    x = torch.randn(40, *shape, generator=torch.Generator().manual_seed(0))
    return Dataset("own", Split(x[10:]), Split(x[:5]), Split(x[5:10]))


def sounds() -> Dataset:
    return _set(1, 6, 5)


def rows() -> Dataset:
    return _set(3)


def lines() -> Dataset:
    return _set(9, 12)


def counts() -> Dataset:
    return _set(7)
'''

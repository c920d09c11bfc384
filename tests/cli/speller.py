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

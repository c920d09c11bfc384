"""Small pairs of discrete data, and files made with them."""

import io
import json
import struct
from dataclasses import asdict, replace

import pyro
import pyro.distributions as dist
import torch
from torch import nn

from pyrovae.apply.compression.container import Container, ContainerWriter

SHAPE = (2, 3)


def bits(count, seed=0):
    """Zeros and ones [count, 2, 3], uint8."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (count, *SHAPE), generator=generator).to(torch.uint8).numpy()


class Small(nn.Module):
    """A pair of Bernoulli data; the activation is no parameter."""

    def __init__(self, seed=0, activation=torch.tanh, likelihood=None):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.encoder, self.decoder = nn.Linear(6, 4), nn.Linear(2, 6)
        self.activation = activation
        self.likelihood = likelihood or (lambda out: dist.Bernoulli(logits=out))

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            out = self.decoder(self.activation(2 * z)).reshape(-1, *SHAPE)
            pyro.sample("x", self.likelihood(out).to_event(2), obs=x)

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", len(x)):
            loc, log_scale = self.encoder(x.flatten(1)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


class _Text:
    """In place of a header: any bytes."""

    def __init__(self, content):
        self.content = content

    def to_json(self):
        return self.content


def forged(data, header=None, text=None, order=None, change=None, words=None):
    """The file again with other content, and checksums that match it.

    Args:
        data: An honest file.
        header: Fields of the header that are replaced.
        text: The whole header.
        order: Places of the chunks.
        change: By name, fields of every entry of the index that are replaced.
        words: Gives the bytes of a chunk for those that it had.
    """
    honest = Container(io.BytesIO(data), "honest")
    fields = {**asdict(honest.header), **(header or {})}
    out = io.BytesIO()
    writer = ContainerWriter(out, _Text(text or json.dumps(fields).encode()))
    for place in range(len(honest.chunks)) if order is None else order:
        chunk = replace(honest.chunks[place], **(change or {}))
        stored = honest.words(place).tobytes()
        if words is not None:
            from pyrovae.apply.compression.digests import digest

            stored = words(stored)
            chunk = replace(chunk, stored=digest(stored), num_bytes=len(stored))
        writer.add(stored, chunk)
    writer.finish()
    return out.getvalue()


def with_claimed_chunks(data, count):
    """The file, whose end says that there are so many chunks."""
    end = struct.Struct("<Q16s8s")
    _, digest, magic = end.unpack(data[-end.size :])
    return data[: -end.size] + end.pack(count, digest, magic)

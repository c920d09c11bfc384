"""Bits back with asymmetric numeral systems, on any pair."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ...errors import DataError
from ...particles.tracing import Program
from ..observed import site_of_data
from .coders.base import padded
from .coders.choice import coder_for, spread_of
from .lattice import Lattice, exponent_of
from .programs import Programs, Sites, rows_of
from .seed_bits import seed_words
from .stack import Array, Stack

_PROBED = 64  # rows that say how wide posteriors are
_HEAD = 4  # words before those of the latents


@dataclass(frozen=True)
class Coded:
    """Data as bits.

    Attributes:
        words: All that decoding needs besides the pair, uint32.
        bits: Net code length of each datum in bits [n]: what it added to the stack.
        initial_bits: Random bits that the first data needed on the stack, part of `words`.
    """

    words: Array
    bits: Tensor
    initial_bits: float


class BitsBack:
    def __init__(
        self,
        model: Program,
        guide: Program,
        shape: Sequence[int],
        *,
        grid: float = 0.125,
        rows: int = 64,
        seed: int = 0,
    ) -> None:
        self.shape, self.grid, self.rows, self.seed = tuple(shape), grid, rows, seed
        self._programs = Programs(model, guide, shape)

    def encode(self, x: Tensor, *args: Any) -> Coded:
        count = len(x)
        x = x.detach().cpu().double()
        with self._programs.running(self.seed):
            lattices = self._lattices(x, args)
            size = 1024
            while True:
                seeds = seed_words(self.seed, size)
                stack = Stack(seeds[::-1])
                bits, growth = [], None
                done = 0
                for number in blocks(count, self.rows, lambda: growth):
                    part = slice(done, done + number)
                    bits.append(self._encode_rows(stack, x, args, part, lattices))
                    if growth is None:
                        growth = growth_of(bits[0], stack.popped)
                    done += number
                if stack.low > 0:
                    break
                size *= 4
        used = size - stack.low
        names = list(lattices)
        head = [_HEAD + len(names), growth or 0, used, 0]
        head += [lattices[name].word for name in names]
        words = np.concatenate([np.array(head, np.uint32), stack.words()[stack.low :]])
        return Coded(words, torch.from_numpy(np.concatenate(bits)), 32.0 * used)

    def decode(self, words: Array, count: int, *args: Any) -> Tensor:
        size, growth, used = (int(word) for word in words[:3])
        steps = [Lattice.from_word(int(word)) for word in words[_HEAD:size]]
        sizes = list(blocks(count, self.rows, lambda: growth))
        stack = Stack(words[size:])
        found = []
        with self._programs.running(self.seed):
            end = count
            for number in reversed(sizes):
                part = slice(end - number, end)
                found.append(self._decode_rows(stack, count, args, part, steps))
                end -= number
        if not np.array_equal(stack.words()[::-1], seed_words(self.seed, used)):
            raise DataError("the words are damaged")
        return torch.cat(found[::-1])

    def _encode_rows(
        self, stack: Stack, x: Tensor, args: Sequence[Any], part: slice, lattices: dict[str, Lattice]
    ) -> Array:
        count = len(x)
        x, rows = x[part], len(x[part])
        batch = self._programs.batch(rows)
        given = rows_of(args, count, part, batch)
        stack.start(rows)
        popped: dict[str, Tensor] = {}

        def pop(name: str, fn: TorchDistribution) -> Tensor:
            popped[name] = coder_for(name, fn, rows, lattices[name], is_open=False).pop(stack)
            return popped[name]

        self._programs.guide(padded(x, batch), given, pop)
        sites = self._programs.model(batch, given, lambda name, _: popped[name])
        name, site = site_of_data(sites, padded(x, batch))
        value = padded(x, batch).reshape(site.fn.shape())
        coder_for(name, site.fn, rows, Lattice(), is_open=True).push(stack, value)
        for name, site in reversed(latents_of(sites).items()):
            coder_for(name, site.fn, rows, lattices[name], is_open=True).push(stack, site.value)
        return stack.bits

    def _decode_rows(
        self, stack: Stack, count: int, args: Sequence[Any], part: slice, steps: list[Lattice]
    ) -> Tensor:
        rows = part.stop - part.start
        batch = self._programs.batch(rows)
        given = rows_of(args, count, part, batch)
        stack.start(rows)
        lattices: dict[str, Lattice] = {}
        popped: dict[str, Tensor] = {}

        def pop(name: str, fn: TorchDistribution) -> Tensor:
            lattices[name] = steps[len(lattices)]
            popped[name] = coder_for(name, fn, rows, lattices[name], is_open=True).pop(stack)
            return popped[name]

        sites = self._programs.model(batch, given, pop)
        name, site = site_of_data(sites, torch.zeros(batch, *self.shape))
        x = coder_for(name, site.fn, rows, Lattice(), is_open=True).pop(stack)
        x = x.reshape(batch, *self.shape).double()
        sites = self._programs.guide(x, given, lambda name, _: popped[name])
        for name, site in reversed(latents_of(sites).items()):
            coder_for(name, site.fn, rows, lattices[name], is_open=False).push(stack, site.value)
        return x[:rows]

    def _lattices(self, x: Tensor, args: Sequence[Any]) -> dict[str, Lattice]:
        """Where each latent lives, in the order of the model."""
        count = len(x)
        rows = min(count, _PROBED)
        batch = self._programs.batch(rows)
        given = rows_of(args, count, slice(0, rows), batch)
        q = self._programs.guide(padded(x[:rows], batch), given, None)
        p = self._programs.model(batch, given, lambda name, _: q[name].value)
        found = {}
        for name in latents_of(p):
            spread = spread_of(name, q[name].fn)
            if spread is None:
                found[name] = Lattice()
            else:
                narrow = float(spread.double().flatten().quantile(0.1)) if spread.numel() else 1.0
                found[name] = Lattice(exponent_of(self.grid * narrow, name))
        return found


def latents_of(sites: Sites) -> Sites:
    return {name: site for name, site in sites.items() if not site.is_observed}


def growth_of(bits: Array, popped: float) -> int:
    """How much larger each batch is than all before it, in sixteenths."""
    return int(np.clip(16 * float(bits.sum()) / max(popped, 1.0), 8, 64))


def blocks(count: int, most: int, growth: Any) -> Iterator[int]:
    """Sizes of the batches: one datum first, so that few random bits are needed."""
    done = 0
    while done < count:
        size = 1 if done == 0 else max(1, done * growth() // 16)
        size = min(size, most, count - done)
        yield size
        done += size

"""What the tests of coders share."""

import numpy as np
import torch

from pyrovae.apply.compression import BitsBack
from pyrovae.apply.compression.coders.choice import coder_for
from pyrovae.apply.compression.lattice import Lattice
from pyrovae.apply.compression.stack import Stack
from pyrovae.particles.conditionals import conditionals


def random_stack(count=4000, seed=0):
    """A stack of random bits, and its words."""
    words = np.random.default_rng(seed).integers(1, 2**32, count, dtype=np.uint32)
    return Stack(words, 0), words


def popped_and_pushed(fn, *, step=-6, base=-10, is_open=False, rows=None):
    """What a distribution pops from random bits, and how many [rows]; it is pushed back again."""
    rows = fn.batch_shape[0] if rows is None else rows
    coder = coder_for("z", fn, rows, Lattice(step, base), is_open=is_open)
    stack, words = random_stack(fn.shape().numel() * 6 + 100)
    stack.start(rows)
    value = coder.pop(stack)
    bits = -stack.bits
    assert value.shape == fn.shape()
    coder.push(stack, value)
    assert np.array_equal(stack.words(), words), "the bits did not come back"
    return value, torch.from_numpy(bits)


def pushed_and_popped(fn, value, *, step=-6, base=-10):
    """Bits [rows] that pushing a value takes, which is popped again."""
    rows = fn.batch_shape[0]
    coder = coder_for("z", fn, rows, Lattice(step, base), is_open=True)
    stack, words = random_stack(fn.shape().numel() * 6 + 100)
    stack.start(rows)
    coder.push(stack, value)
    bits = torch.from_numpy(stack.bits.copy())
    torch.testing.assert_close(coder.pop(stack), value, rtol=0, atol=0, check_dtype=False)
    assert np.array_equal(stack.words(), words), "the bits did not come back"
    return bits


def on_lattice(value, step=-6):
    """The nearest points."""
    size = 2.0**step
    return ((value.double() / size).floor() + 0.5) * size


class Recorded(BitsBack):
    """Remembers the latents that coding popped, of all data in order."""

    def encode(self, x, *args):
        self.blocks = []
        return super().encode(x, *args)

    def _push(self, stack, x, batch):
        bits = super()._push(stack, x, batch)
        self.blocks.append({k: v[: batch.rows] for k, v in batch.latents.items()})
        return bits

    @property
    def latents(self):
        return {k: torch.cat([block[k] for block in self.blocks]) for k in self.blocks[0]}


@torch.no_grad()
def log_weights(pair, x, args, latents):
    """log p(x, z) - log q(z|x) in bits [n], of a pair in float64."""
    total = torch.zeros(len(x), dtype=torch.float64)
    for program, sign in ((pair.model, 1), (pair.guide, -1)):
        for site in conditionals(program, x, *args, values=latents).values():
            log_prob = site.fn.log_prob(site.value)
            total += sign * log_prob.reshape(len(x), -1).sum(1)
    return total / np.log(2)

"""Numbers that are pushed as they are, all equally likely, where they are needed."""

import numpy as np

from .stack import Array, Stack
from .symbols import Uniform

_AT_ONCE = 16  # bits of one symbol


def push_bits(stack: Stack, values: Array, bits: Array) -> None:
    """Push numbers 0..2^bits - 1, int64; of bits [rows, m], 0 pushes nothing."""
    for first in range(0, int(bits.max(initial=0)), _AT_ONCE):
        some = np.clip(bits - first, 0, _AT_ONCE)
        size = np.left_shift(1, some)
        stack.push(Uniform(size, some > 0), (values >> first) & (size - 1))


def pop_bits(stack: Stack, bits: Array) -> Array:
    """Pop what `push_bits` pushed; 0 where that is nothing."""
    found = np.zeros(bits.shape, np.int64)
    for first in reversed(range(0, int(bits.max(initial=0)), _AT_ONCE)):
        some = np.clip(bits - first, 0, _AT_ONCE)
        found |= stack.pop(Uniform(np.left_shift(1, some), some > 0)) << first
    return found

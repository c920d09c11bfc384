"""A stack of bits by asymmetric numeral systems, on which whole arrays are pushed and popped."""

from typing import Any

import numpy as np

from .symbols import Symbols, constriction

Array = np.ndarray[Any, Any]


class Stack:
    """Asymmetric numeral systems over arrays: one call codes all symbols of a batch.

    What was pushed last is popped first. Popping symbols from a stack of random bits draws them
    from their distribution, and pushing them back restores the bits: that is bits back. The
    symbols of all data of a batch go onto one stack in turn, so that their streams are
    interleaved, and no loop over symbols runs in Python.

    Args:
        words: What is on the stack, 32 bits each, the last one on top and not 0.
        base: How many of them were there before the first datum.

    Attributes:
        bits: Net bits that each row has added since `start` [rows].
        popped: Bits that all rows have taken from the stack since `start`.
        low: How many words were never touched.

    Source:
        Asymmetric numeral systems (Duda, 2009), https://arxiv.org/abs/0902.0271; Practical
        Lossless Compression with Latent Variables using Bits Back Coding (Townsend, Bird &
        Barber, 2019), https://arxiv.org/abs/1901.04866
    """

    def __init__(self, words: Array, base: int) -> None:
        self._coder = constriction().stream.stack.AnsCoder(words)
        self._base = base
        self.low = self._coder.pos()[0]
        self.start(0)

    def start(self, rows: int) -> None:
        """Count the bits of so many rows from here on."""
        self.bits, self.popped = np.zeros(rows), 0.0

    def push(self, symbols: Symbols, values: Array) -> None:
        """Push values [rows, m], int64."""
        flat = symbols.flat_values(values).astype(np.int32)
        self._coder.encode_reverse(flat, symbols.model(), *symbols.flat())
        self.bits += symbols.bits(values)

    def pop(self, symbols: Symbols) -> Array:
        """Pop values [rows, m], int64."""
        flat = self._coder.decode(symbols.model(), *symbols.flat())
        values = symbols.placed(flat.astype(np.int64))
        self.low = min(self.low, self._coder.pos()[0])
        found = symbols.bits(values)
        self.bits -= found
        self.popped += float(found.sum())
        return values

    def scramble(self, key: Array) -> None:
        """Flip words near the top by a key, random bits known to both directions, uint32.

        What data have pushed is not quite random where latents do not follow their prior. Popped
        as it is, it would give latents that depend on those of the data before, and do not
        follow q(z|x). The same call undoes it. The words of the seed are left out, and the top
        one, which must not become 0.
        """
        words = self.words()
        top = len(words) - 1
        first = max(top - len(key), min(self._base, top))
        words[first:top] ^= key[: top - first]
        self._coder = constriction().stream.stack.AnsCoder(words)
        self.low = min(self.low, first)

    @property
    def height(self) -> int:
        """How many words are on the stack, or one more."""
        return int(self._coder.pos()[0]) + 2

    def words(self) -> Array:
        """What is on the stack, uint32."""
        found: Array = self._coder.get_compressed()
        return found

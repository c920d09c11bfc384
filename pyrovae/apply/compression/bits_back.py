"""Bits back with asymmetric numeral systems, on any pair."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import ConfigError, DataError, ShapeError
from ...particles.tracing import FAILURES, Program
from ..observed import site_of_data
from .batch import Batch, pop_rows, push_rows, replayed
from .checks import check_blind, check_sites
from .coders.base import padded
from .lattice import Lattice
from .lattices import lattice_of_counts, lattices_of, words_of
from .programs import Programs, rows_of
from .schedule import Schedule
from .seed_bits import seed_words
from .stack import Array, Stack

_FIRST = slice(0, 1)  # a batch of its own
_PROBED = 64  # rows that say how wide posteriors are
_HEAD = 4  # words before those of the lattices
_SEEDS = 2**12  # words of random bits at first


@dataclass(frozen=True)
class Coded:
    """Data as bits.

    Attributes:
        words: All that decoding needs besides the pair, uint32.
        bits: Net code length of each datum in bits [n]: minus the logarithm of the probabilities
            that the coder used. Minus log p(x, z) + log q(z|x) at the z that coding popped, but
            for rounding; its expectation is minus the ELBO.
        initial_bits: Random bits that the first data needed on the stack, which `words` hold too.
    """

    words: Array
    bits: Tensor
    initial_bits: float


class BitsBack:
    r"""Codes batches of data with a pair; what one call of `encode` makes decodes by itself.

    To code x, latents z are popped from the stack of earlier bits by q(z|x), then x is pushed by
    p(x|z), and z by p(z). Decoding undoes this step by step. The latents of several layers are
    coded one by one, in the order of the programs. The net length of x is
    :math:`-\log_2 p(x, z) + \log_2 q(z|x)`, in expectation minus the ELBO, in bits.

    All rows of a batch go through a few calls on arrays, on one stack: their streams are
    interleaved. Batches start with one row and grow, so that only the first rows need random
    bits. Those come from a seeded generator, and decoding has to end with them.

    **Decoding must compute what encoding computed**, to the last digit that fixed point can tell.
    So both run the pair on batches of the same rows, in float64 on the CPU with one thread; the
    parameters of normals and Bernoullis are rounded. The same words decode in any process on one
    machine. Another processor or version of torch may round sums differently: most words decode
    there too, and others are refused, since the seeded bits do not come back.

    Args:
        model: Pyro model p(z)p(x|z), whose p(x|z) is discrete.
        guide: Pyro guide q(z|x) of all its latents.
        shape: Of one datum, as the pair gets it.
        grid: Distance of the points on which continuous latents live, in standard deviations of
            narrow posteriors, at which the rate loses below .001 bits a latent. A finer one needs
            more initial bits and changes nothing else.
        rows: How many data the networks see at once, at most.
        seed: Of the random bits.

    Raises:
        ConfigError: A number is out of range. From `encode`: the data cannot be coded with this
            pair; the message says why.

    Source:
        Practical Lossless Compression with Latent Variables using Bits Back Coding (Townsend,
        Bird & Barber, 2019), https://arxiv.org/abs/1901.04866; several layers: HiLLoC (Townsend
        et al., 2020), https://arxiv.org/abs/1912.09953; flows: see `coders.flow`

    Example:
        >>> from pyrovae.data.synthetic import DiscreteLatent
        >>> pair = DiscreteLatent.random(data_dim=4, latent_dim=3, seed=0)
        >>> x = pair.sample(100, seed=1)
        >>> coder = BitsBack(pair.model, pair.guide, (4,))
        >>> coded = coder.encode(x)
        >>> bool((coder.decode(coded.words, 100) == x).all())
        True
    """

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
        if not 0 < grid < 1e6 or rows < 1:
            raise ConfigError(
                f"BitsBack got grid={grid} and rows={rows}; it needs a positive number and at "
                "least 1"
            )
        self.shape, self.grid, self.rows, self.seed = tuple(shape), grid, int(rows), seed
        self._programs = Programs(model, guide, shape)

    def encode(self, x: Tensor, *args: Any) -> Coded:  # noqa: ANN401
        """Code data.

        Args:
            x: Whole numbers [n, *shape], n at least 1.
            args: What the pair takes besides x, of n rows where they are of the data. Decoding
                needs them too: x is coded given them.

        Raises:
            ConfigError: The pair cannot code: see `checks`.
            InverseError: A flow has no inverse.
            ShapeError: x has another shape, or no row.
            SupportError: A value has no probability under p(x|z).
        """
        x = torch.as_tensor(x)
        if tuple(x.shape[1:]) != self.shape or not len(x):
            raise ShapeError(
                f"BitsBack.encode got data of shape {list(x.shape)}; it codes "
                f"[n, {', '.join(map(str, self.shape))}] with n at least 1"
            )
        x = x.detach().cpu().double()
        with self._programs.running(rows_of(args, len(x), _FIRST, 2), self.seed):
            lattices = self._lattices(x, args)
            size = _SEEDS
            stack, schedule, bits = self._encoded(x, args, lattices, size)
            while stack.low == 0:  # random bits ran out
                size *= 8
                stack, schedule, bits = self._encoded(x, args, lattices, size)
        used = size - stack.low
        head = [schedule.net, schedule.popped, used, len(lattices), *words_of(lattices)]
        words = np.concatenate([np.array(head, np.uint32), stack.words()[stack.low :]])
        return Coded(words, torch.from_numpy(bits), 32.0 * used)

    def decode(self, words: Array, count: int, *args: Any) -> Tensor:  # noqa: ANN401
        """The data of words that `encode` made [count, *shape], as float64.

        Args:
            words: See `Coded`.
            count: How many data were coded.
            args: What was given to `encode` besides them.

        Raises:
            DataError: The words are damaged, or were made with another pair, other arguments, or
                a machine that rounds in another way.
        """
        try:
            return self._decoded(np.asarray(words), count, args)
        except (*FAILURES, OverflowError, ArithmeticError) as error:
            raise DataError(
                f"BitsBack.decode: the words give no {count} data of this pair: {error}"
            ) from error

    def _encoded(
        self, x: Tensor, args: Sequence[Any], lattices: dict[str, Lattice], size: int
    ) -> tuple[Stack, Schedule, Array]:
        """The stack that coding leaves on so many random words, and the bits of each datum."""
        count = len(x)
        stack = Stack(seed_words(self.seed, size)[::-1], size)
        bits = [self._push(stack, x[_FIRST], self._batch(args, count, _FIRST, lattices))]
        schedule = Schedule.after(float(bits[0].sum()), stack.popped)
        for number, rows in enumerate(schedule.batches(count, self.rows), start=1):
            self._scramble(stack, schedule, number, rows)
            bits.append(self._push(stack, x[rows], self._batch(args, count, rows, lattices)))
        return stack, schedule, np.concatenate(bits)

    def _decoded(self, words: Array, count: int, args: Sequence[Any]) -> Tensor:
        net, popped, used, number = (int(word) for word in words[:_HEAD])
        schedule, end = Schedule(net, popped), _HEAD + number
        steps = [Lattice.from_word(int(word)) for word in words[_HEAD:end]]
        stack = Stack(words[end:].astype(np.uint32), used)
        batches = list(enumerate(schedule.batches(count, self.rows), start=1))
        found = []
        with self._programs.running(rows_of(args, count, _FIRST, 2), self.seed):
            for at, rows in reversed(batches):
                found.append(
                    pop_rows(self._programs, stack, self._batch(args, count, rows, {}), steps)
                )
                self._scramble(stack, schedule, at, rows)
            found.append(
                pop_rows(self._programs, stack, self._batch(args, count, _FIRST, {}), steps)
            )
        left = stack.words()
        if len(left) != used or not np.array_equal(left, seed_words(self.seed, used)[::-1]):
            raise DataError("the random bits under them did not come back")
        return torch.cat(found[::-1]).double()

    def _scramble(self, stack: Stack, schedule: Schedule, number: int, rows: slice) -> None:
        length = min(schedule.key_length(rows.stop - rows.start), stack.height)
        stack.scramble(seed_words(self.seed, length, number))

    def _batch(
        self, args: Sequence[Any], count: int, rows: slice, lattices: dict[str, Lattice]
    ) -> Batch:
        number = rows.stop - rows.start
        size = self._programs.batch(number)
        return Batch(rows_of(args, count, rows, size), number, size, lattices)

    def _push(self, stack: Stack, x: Tensor, batch: Batch) -> Array:
        return push_rows(self._programs, stack, x, batch)

    def _lattices(self, x: Tensor, args: Sequence[Any]) -> dict[str, Lattice]:
        """Where each latent lives, in the order of the model, then the data; and all checks."""
        rows = min(len(x), _PROBED)
        batch = self._batch(args, len(x), slice(0, rows), {})
        some = padded(x[:rows], batch.size)
        guide = self._programs.guide(some, batch.args)
        drawn = {name: site.value for name, site in guide.items()}
        model = self._programs.model(batch.size, batch.args, replayed(drawn))
        check_sites(model, guide, some)
        seen = self._programs.model(batch.size, batch.args, replayed(drawn), x=some)
        check_blind(model, seen)
        name, site = site_of_data(model, some)
        found = lattices_of(model, guide, self.grid)
        return {**found, name: lattice_of_counts(name, site.fn, float(x.max()))}

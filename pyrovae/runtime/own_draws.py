"""Random draws apart from those of the process, at little cost."""

import ctypes
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.random import mtrand

_STATE_BYTES = 625 * 4  # of numpy's Mersenne twister: 624 words and a position


class OwnDraws:
    """Contexts in which draws follow a seed, and after which all is as it was before.

    Meant are the draws of torch on the CPU, of numpy and of Python. To read numpy's state takes
    longer than all the rest, so that another generator takes its place instead. Of the state one
    number alone does not survive this: the half that `numpy.random.randn` keeps of what it drew.
    The state is read only where there may be one, which is where it changed since the last time.

    Example:
        >>> draws = OwnDraws()
        >>> with draws.seeded(3):
        ...     one = torch.rand(2)
        >>> with draws.seeded(3):
        ...     two = torch.rand(2)
        >>> torch.equal(one, two)
        True
    """

    def __init__(self) -> None:
        self._numpy = np.random.MT19937(0)
        self._without_half: bytes | None = None  # a state of numpy's that is known to keep none

    @contextmanager
    def seeded(self, seed: int) -> Iterator[None]:
        """Within this context torch, numpy and Python draw from `seed`."""
        of_torch, of_python = torch.get_rng_state(), random.getstate()
        of_numpy = mtrand.get_bit_generator()
        kept = self._kept_half(of_numpy)
        mtrand.set_bit_generator(self._numpy)
        try:
            torch.default_generator.manual_seed(seed)
            np.random.seed(seed % 2**32)
            random.seed(seed)
            yield
        finally:
            torch.set_rng_state(of_torch)
            random.setstate(of_python)
            mtrand.set_bit_generator(of_numpy)
            if kept is not None:
                np.random.set_state(kept)

    def _kept_half(self, generator: np.random.BitGenerator) -> dict[str, object] | None:
        """The whole state of numpy, where it keeps half of what it drew; else None."""
        here = None
        if isinstance(generator, np.random.MT19937):
            here = ctypes.string_at(generator.ctypes.state_address, _STATE_BYTES)
            if here == self._without_half:
                return None
        state = np.random.get_state(legacy=False)
        if not isinstance(state, dict) or state["has_gauss"]:
            return state if isinstance(state, dict) else None
        self._without_half = here
        return None

"""Random draws apart from those of the process."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def own_draws(seed: int) -> Iterator[None]:
    """Within, torch on the CPU, numpy and Python draw from `seed`; then all is as it was before.

    Example:
        >>> with own_draws(3):
        ...     one = torch.rand(2)
        >>> with own_draws(3):
        ...     two = torch.rand(2)
        >>> torch.equal(one, two)
        True
    """
    of_torch, of_python = torch.get_rng_state(), random.getstate()
    of_numpy = np.random.get_state(legacy=False)
    try:
        torch.default_generator.manual_seed(seed)
        if isinstance(of_numpy, dict) and of_numpy["bit_generator"] == "MT19937":
            np.random.seed(seed % 2**32)  # another generator cannot be seeded so
        random.seed(seed)
        yield
    finally:
        torch.set_rng_state(of_torch)
        random.setstate(of_python)
        np.random.set_state(of_numpy)

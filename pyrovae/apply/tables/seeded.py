"""Random numbers of a use that makes rows."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyro

from ...particles.isolation import isolated


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Within this context Pyro draws by this seed, and its state is put back; None: as usual."""
    if seed is None:
        yield
        return
    with isolated():
        pyro.set_rng_seed(seed)
        yield

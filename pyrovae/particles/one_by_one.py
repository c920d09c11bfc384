"""The warning that a pair draws its particles one by one."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ..errors import ParticleAxisWarning, warn

# Whether the warning was given in the current context; None where each call gives it.
_is_given: ContextVar[bool | None] = ContextVar("is given", default=None)


@contextmanager
def warned_once() -> Iterator[None]:
    """Within this context `warn_one_by_one` warns once at most."""
    before = _is_given.get()
    if before is None:
        _is_given.set(False)
    try:
        yield
    finally:
        _is_given.set(before)


def warn_one_by_one(why: str) -> None:
    """Warn that particles are drawn one by one, and say why."""
    if _is_given.get():
        return
    if _is_given.get() is not None:
        _is_given.set(True)
    warn(
        "the pair cannot draw all particles in one pass, where latents have the shape [K, B, ...] "
        f"({why}), and draws them one by one: the same values, more slowly; wrap the networks in "
        "pyrovae.nn.OneBatchAxis to be faster, or pass vectorize_particles=False to hide this",
        ParticleAxisWarning,
    )

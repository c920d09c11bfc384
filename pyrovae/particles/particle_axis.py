"""Whether a pair computes the same with an axis of particles left of its plates as without."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from ..errors import ParticleAxisWarning

# Whatever a network may raise at an axis that it does not expect.
FAILURES = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, AssertionError)

_EXACT, _ROUGH = 1e-3, 5e-2  # what rounding may do: to float32 and longer, to shorter numbers


def copies(value: Tensor, event_dim: int, depth: int, count: int) -> Tensor:
    """One particle's value, `count` times along an axis left of its plates.

    [..., *event] -> [count, 1 or size per plate, *event]
    """
    absent = depth - (value.dim() - event_dim)
    if absent < 0:
        return value
    whole = value.reshape((1,) * absent + value.shape)
    return whole.expand(count, *whole.shape).contiguous()


def disagreement(
    one: Mapping[str, dict[str, Any]], several: Mapping[str, dict[str, Any]], depth: int
) -> str:
    """What differs between a run of one particle and one of several copies of it, in words.

    Args:
        one: Messages of the sample sites of a run without the axis.
        several: Of one with it, at copies of the same values.
        depth: Batch dims of the plates, right of the axis.

    Returns:
        The first site whose log-density differs; "" where none does, or none can be compared.
    """
    if one.keys() != several.keys():
        return f"it visits the sites {sorted(several)}, and {sorted(one)} for one particle"
    for name, site in one.items():
        expected = _score(site)
        if expected is None:
            continue
        found = _score(several[name])
        if found is None:  # a flow without an inverse knows only what it drew last
            continue
        shape = (1,) * (depth - expected.dim()) + expected.shape
        inner = ((1,) * depth + found.shape)[-depth:] if depth else ()
        if inner != shape or found.dim() > depth + 1:
            return (
                f"site '{name}' then has a log-density of shape {list(found.shape)}, and of "
                f"{list(expected.shape)} for one particle"
            )
        if not _close(found, expected.reshape(shape)):
            return f"site '{name}' then has other log-densities than for one particle"
    return ""


_noted: ContextVar[bool | None] = ContextVar("noted", default=None)


@contextmanager
def one_note() -> Iterator[None]:
    """Say at most once in this context that a pair draws particles one by one."""
    before = _noted.get()
    if before is None:
        _noted.set(False)
    try:
        yield
    finally:
        _noted.set(before)


def note(why: str) -> None:
    """Say that particles are drawn one by one, and why."""
    if _noted.get():
        return
    if _noted.get() is not None:
        _noted.set(True)
    warnings.warn(
        "the pair cannot draw all particles in one pass, where latents have the shape [K, B, ...] "
        f"({why}), and draws them one by one: the same values, more slowly; wrap the networks in "
        "pyrovae.nn.OneBatchAxis to be faster, or pass vectorize_particles=False to hide this",
        ParticleAxisWarning,
        stacklevel=4,
    )


def _score(site: dict[str, Any]) -> Tensor | None:
    """Log-density of a site; None where it cannot score what it is given."""
    try:
        score = site["fn"].log_prob(site["value"], *site["args"], **site["kwargs"])
    except (KeyError, NotImplementedError):
        return None
    return score if isinstance(score, Tensor) else None


def _close(found: Tensor, expected: Tensor) -> bool:
    if found.is_meta:  # which has shapes, and no values to compare
        return True
    kind = found.device.type
    rounds = torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)
    short = rounds or torch.finfo(found.dtype).bits < 32
    tolerance = _ROUGH if short else _EXACT
    found, expected = torch.broadcast_tensors(found, expected.to(found.dtype))
    return torch.allclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True)

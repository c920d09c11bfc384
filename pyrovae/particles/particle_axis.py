"""Whether a pair computes the same with an axis of particles left of its plates as without."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from ..errors import first_line
from .handlers import Program, Trace, site_is_subsample
from .isolation import isolated
from .match import check_match
from .traces import RELAXED_VALUE, plate_dims, sample_sites
from .tracing import FAILURES, Pair

_COPIES = 2  # of a particle, to see what a pair makes of the particle axis
_EXACT, _ROUGH = 1e-3, 5e-2  # what rounding may do: to float32 and longer, to shorter numbers


def plate_nesting(model: Program, guide: Program, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401
    """Batch dims that the plates of a pair occupy, found by one pass without side effects."""
    with isolated(), torch.no_grad():
        return plate_dims(Pair(model, guide, args, kwargs).trace())


def plan(
    model: Program,
    guide: Program,
    *args: Any,  # noqa: ANN401
    batch_plate: str | None = "auto",
    max_plate_nesting: int | None = None,
    **kwargs: Any,  # noqa: ANN401
) -> tuple[int, str]:
    """Batch dims that the plates of a pair occupy, and why it cannot take the particle axis.

    See `plan_of`.
    """
    plate = None if batch_plate == "auto" else batch_plate
    return plan_of(Pair(model, guide, args, kwargs, plate=plate), max_plate_nesting)


def plan_of(pair: Pair, max_plate_nesting: int | None = None) -> tuple[int, str]:
    """Batch dims of the plates, and why the pair cannot take the particle axis.

    Found by a run of one particle, which raises what is wrong with the pair itself, and one
    of two copies of it, where the same has to come out. Neither has side effects.

    Returns:
        The dims, and "" where the pair can take the axis.

    Raises:
        SiteError: Model and guide do not sample the same latents.
    """
    with isolated(), torch.no_grad():
        traces = pair.trace()
        check_match(*(sample_sites(trace) for trace in reversed(traces)))
        depth = plate_dims(traces) if max_plate_nesting is None else max_plate_nesting
        if depth < plate_dims(traces):
            return depth, ""  # an error where particles are drawn
        return depth, _refusal(pair, traces, depth)


def _refusal(pair: Pair, traces: tuple[Trace, Trace], depth: int) -> str:
    """Why a pair, of which there are traces of one particle, cannot take the particle axis."""
    several = Trace()
    for name, node in traces[0].nodes.items():
        if node["type"] == "sample":
            node = cast(Any, node.copy())
            if not (site_is_subsample(node) or pair.is_drawn_once(node)):
                node["value"] = _copied(node, depth)
            several.add_node(name, **node)
    try:
        again = pair.trace(_COPIES, depth, several)
        found = _first_disagreement(traces, again, depth)
    except torch.OutOfMemoryError:
        raise
    except FAILURES as error:
        return first_line(error)
    if found and _first_disagreement(traces, pair.trace(replay=traces[0]), depth):
        return ""  # networks with noise of their own compute something else every time
    return found


def _first_disagreement(one: tuple[Trace, Trace], two: tuple[Trace, Trace], depth: int) -> str:
    found = (
        _disagreement(sample_sites(a), sample_sites(b), depth)
        for a, b in zip(one, two, strict=True)
    )
    return next(filter(None, found), "")


def _copied(node: Any, depth: int) -> Tensor:  # noqa: ANN401
    """The value of a site, once for each copy of its particle."""
    value, event_dim = node["value"], node["fn"].event_dim
    found = _copies(value, event_dim, depth, _COPIES)
    if (relaxed := getattr(value, RELAXED_VALUE, None)) is not None:
        setattr(found, RELAXED_VALUE, _copies(relaxed, event_dim, depth, _COPIES))
    return found


def _copies(value: Tensor, event_dim: int, depth: int, count: int) -> Tensor:
    """One particle's value, `count` times along an axis left of its plates.

    [..., *event] -> [count, 1 or size per plate, *event]
    """
    absent = depth - (value.dim() - event_dim)
    if absent < 0:
        return value
    whole = value.reshape((1,) * absent + value.shape)
    return whole.expand(count, *whole.shape).contiguous()


def _disagreement(
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

"""The plates of a pair: how many dims they occupy, and which one is over data."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch

from ..errors import PlateError
from .layout import PARTICLE_PLATE

Named = tuple[str, str, dict[str, Any]]
""""model" or "guide", the name of a site, the message that Pyro recorded there."""


def nesting(messages: Iterable[dict[str, Any]]) -> int:
    """Number of batch dims that the plates of these sites occupy."""
    dims = [
        -frame.dim
        for message in messages
        for frame in message["cond_indep_stack"]
        if frame.dim is not None
    ]
    return max(dims, default=0)


def outside_plate(every: list[Named], plate: str | None) -> set[str]:
    """Names of the sites outside a plate over data that is named, which are global.

    Raises:
        PlateError: A site is outside of it on one side and inside on the other.
    """
    if plate in (None, "auto"):
        return set()
    inside: set[str] = set()
    outside: set[str] = set()
    for _, name, site in every:
        own = {frame.name for frame in site["cond_indep_stack"]}
        (inside if plate in own else outside).add(name)
    if both := sorted(inside & outside):
        raise PlateError(
            f"site '{both[0]}' is in plate '{plate}' on one side of the pair and outside of it on "
            "the other; draw it in the same plates in model and guide"
        )
    return outside if inside else set()


def is_in_plate(plate: str | None, message: Any) -> bool:  # noqa: ANN401
    """Whether a statement stands inside the plate of this name."""
    return any(frame.name == plate for frame in message["cond_indep_stack"])


def batch_axis(every: list[Named], wanted: str | None) -> tuple[int | None, int]:
    """The plate over data: its dim and size.

    Args:
        every: All sites of model and guide.
        wanted: See `draw`, `batch_plate`.

    Raises:
        PlateError: There is none, more than one, or it is not the same at every site.
    """
    if not every:
        raise PlateError(
            "the pair has no sample sites, so that there is nothing to estimate; write "
            "`pyro.sample` statements in its model"
        )
    if wanted is None:
        return None, 1
    stacks = [
        {f.name: f for f in site["cond_indep_stack"] if f.name != PARTICLE_PLATE}
        for _, _, site in every
    ]
    plate = _common_plate(every, stacks, wanted)
    return _agreed_axis(plate, every, [stack[plate] for stack in stacks])


def _common_plate(every: list[Named], stacks: list[dict[str, Any]], wanted: str) -> str:
    """Name of the one plate that encloses every site."""
    common = set(stacks[0]).intersection(*stacks[1:])
    way_out = (
        "; enclose every site of model and guide in one `pyro.plate` over data, pass "
        "batch_plate=None for one joint bound, or name the plate over data by batch_plate= where "
        "sites outside of it are to be drawn once for all data"
    )
    if wanted != "auto":
        common &= {wanted}
    if not common:
        counts = [n for stack in stacks for n in stack]
        usual = wanted if wanted != "auto" else max(counts, key=counts.count, default=None)
        for (side, name, _), stack in zip(every, stacks, strict=True):
            if usual is None or usual not in stack:
                where = f"outside plate '{usual}'" if usual else "in no plate"
                raise PlateError(f"site '{name}' of the {side} is {where}{way_out}")
    if len(common) > 1:
        raise PlateError(
            f"plates {sorted(common)} all enclose every site (the first is '{every[0][1]}'), so "
            "it is not clear which one is over data; pass batch_plate='<its name>'"
        )
    return common.pop()


def _agreed_axis(plate: str, every: list[Named], frames: list[Any]) -> tuple[int, int]:
    """Dim and size of a plate, of which each site has a frame."""
    for (side, name, _), frame in zip(every, frames, strict=True):
        if frame.dim is None:
            raise PlateError(
                f"site '{name}' of the {side} is in the sequential plate '{plate}'; write it as "
                "`with pyro.plate(...)`, one vectorised plate over data"
            )
    # `pyro.plate("data")` states no size: it has as many data as its log-densities.
    first = next((frame for frame in frames if frame.size >= 0), frames[0])
    size = first.size if first.size >= 0 else _size_of_data(plate, every, frames)
    for (side, name, site), frame in zip(every, frames, strict=True):
        if frame.size < 0 and (own := _size_at(frame.dim, site)) != size:
            raise PlateError(
                f"site '{name}' of the {side} has {own} value where plate '{plate}', which "
                f"states no size, holds {size} data; expand its distribution, or write "
                f"`pyro.plate('{plate}', {size})`"
            )
        sizes_agree = frame.size < 0 or (frame.size, frame.full_size) == (size, first.full_size)
        if not sizes_agree or frame.dim != first.dim:
            raise PlateError(
                f"site '{name}' of the {side} is in plate '{plate}' of size {frame.size} of "
                f"{frame.full_size} at dim {frame.dim}, and site '{every[0][1]}' of size "
                f"{first.size} of {first.full_size} at dim {first.dim}; make the two plates equal"
            )
    return first.dim, size


def _size_of_data(plate: str, every: list[Named], frames: Sequence[Any]) -> int:
    """Data in a plate that states no size."""
    sizes = {_size_at(f.dim, site) for (_, _, site), f in zip(every, frames, strict=True)} - {1}
    if len(sizes) > 1:
        raise PlateError(
            f"plate '{plate}' states no size, and the log-densities of its sites have "
            f"{' and '.join(map(str, sorted(sizes)))} entries there; make them equal, one for "
            "each datum"
        )
    return sizes.pop() if sizes else 1


def _size_at(dim: int, site: dict[str, Any]) -> int:
    """Size of a site's log-density at a dim, found without scoring it."""
    fn, value = site["fn"], site["value"]
    shape = torch.broadcast_shapes(fn.batch_shape, value.shape[: value.dim() - fn.event_dim])
    return shape[dim] if len(shape) >= -dim else 1

"""Where particles and data lie in the tensors of a pair: plates and scales."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..capture import is_tracing
from ..errors import PlateError, ScaleError

PARTICLE_PLATE = "num_particles_vectorized"  # Pyro's own name for it

Named = tuple[str, str, dict[str, Any]]
""""model" or "guide", the name of a site, the message that Pyro recorded there."""


@dataclass(frozen=True)
class Layout:
    """Where the particle axis and the batch axis lie in the log-densities of a pair."""

    particle_dim: int | None  # negative; None where each particle was traced alone
    batch_dim: int | None  # negative; None for one joint bound
    rank: int  # batch dims that plates may occupy, the particle plate included
    batch_size: int

    def reduce(self, log_prob: Tensor) -> Tensor:
        """Sum all but particles and batch. [(K), ..., B, ...] -> [K, B]."""
        full = log_prob.reshape((1,) * (self.rank - log_prob.dim()) + log_prob.shape)
        kept = [self.particle_dim, self.batch_dim]
        summed = [d for d in range(-full.dim(), 0) if d not in kept]
        reduced = full.sum(summed) if summed else full
        if self.batch_dim is None:
            reduced = reduced.unsqueeze(-1)
        return reduced if self.particle_dim is not None else reduced.unsqueeze(0)

    def by_plates(self, log_prob: Tensor) -> Tensor:
        """Keep all plates, with particles in front. [(K), ..., B, ...] -> [K, ..., B, ...]."""
        full = log_prob.reshape((1,) * (self.rank - log_prob.dim()) + log_prob.shape)
        return full if self.particle_dim is not None else full.unsqueeze(0)

    def sum_plates(self, values: Tensor) -> Tensor:
        """Sum what `by_plates` gave over all plates but that over data -> [K, B]."""
        summed = [d for d in range(1 - values.dim(), 0) if d != self.batch_dim]
        reduced = values.sum(summed) if summed else values
        return reduced.unsqueeze(-1) if self.batch_dim is None else reduced

    def arrange(self, value: Tensor, event_dim: int) -> Tensor:
        """Bring particles and batch to the front. [(K), ..., B, ..., *event] -> [K, B, ...]."""
        batch_rank = value.dim() - event_dim
        full = value.reshape((1,) * (self.rank - batch_rank) + value.shape)
        if self.batch_dim is None:
            full = full.unsqueeze(-1 - event_dim)
            batch_dim = -1 - event_dim
            shift = 1
        else:
            batch_dim, shift = self.batch_dim - event_dim, 0
        if self.particle_dim is None:
            return full.movedim(batch_dim, 0).unsqueeze(0)
        return full.movedim((self.particle_dim - event_dim - shift, batch_dim), (0, 1))

    def spread(self, per_particle: Tensor, value: Tensor, event_dim: int) -> Tensor:
        """Lay one number per particle and datum along a value's own axes, undoing `arrange`.

        [K, B] -> [(K), ..., B, ..., 1 per event dim], which broadcasts against the value.
        """
        sizes = [1] * self.rank
        if self.batch_dim is not None:
            sizes[self.batch_dim] = per_particle.shape[1]
        if self.particle_dim is not None:  # left of all plates, so that no axes change places
            sizes[self.particle_dim] = per_particle.shape[0]
        absent = max(0, self.rank - (value.dim() - event_dim))
        return per_particle.reshape(sizes[absent:] + [1] * event_dim)

    def restore(self, value: Tensor, event_dim: int) -> Tensor:
        """Undo `arrange`. [K, B, ..., *event] -> [(K), ..., B, ..., *event]."""
        if self.batch_dim is None:
            if self.particle_dim is None:
                return value.squeeze(1).squeeze(0)
            return value.squeeze(1).movedim(0, self.particle_dim - event_dim)
        batch_dim = self.batch_dim - event_dim
        if self.particle_dim is None:
            return value.squeeze(0).movedim(0, batch_dim)
        return value.movedim((0, 1), (self.particle_dim - event_dim, batch_dim))


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


def batch_axis(every: list[Named], wanted: str | None) -> tuple[int | None, int]:
    """The plate over data: its dim and size."""
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
    plate = common.pop()
    frames = [stack[plate] for stack in stacks]
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


class Scales:
    """What Pyro multiplies the log-densities of a pair's sites by.

    Scales that are tensors are compared only where one scale is needed: that reads them.
    """

    def __init__(self, every: Iterable[Named], layout: Layout) -> None:
        self._every = [(side, name, {"scale": site["scale"]}) for side, name, site in every]
        self._layout = layout
        self._common: float | Tensor | None = None

    @property
    def common(self) -> float | Tensor:
        """The one factor of the whole pair: a number, a scalar tensor or one weight per datum [B].

        Raises:
            ScaleError: The sites are scaled unequally.
        """
        if self._common is None:
            self._common = common_scale(self._every, self._layout)
        return self._common

    @staticmethod
    def common_of(scales: Sequence[float | Tensor]) -> float | Tensor:
        """The one scale of some sites; one where there is none."""
        first = scales[0] if scales else 1.0
        alike = all(scale is first or _equal(scale, first) for scale in scales)
        return first if alike else 1.0

    def none(self) -> "Scales":
        """Scales of one."""
        return Scales((), self._layout)

    @property
    def is_one_number(self) -> bool:
        """Whether all scales are the same number; tensors are not read, and none is."""
        scales = [site["scale"] for _, _, site in self._every]
        first = scales[0] if scales else 1.0
        numbers = not any(isinstance(scale, Tensor) for scale in scales)
        return numbers and all(_equal(scale, first) for scale in scales)


def common_scale(every: list[Named], layout: Layout) -> float | Tensor:
    """The one factor of the whole pair, which goes outside the log-mean-exp.

    In a graph, where tensors cannot be compared, the factor of scales that differ is NaN: a step
    that is then not finite is not taken, and running it eagerly tells why.

    Raises:
        ScaleError: The sites are scaled unequally, or by a tensor that is neither one number nor
            one weight per datum.
    """
    first = every[0][2]["scale"] if every else 1.0
    agree: list[Tensor] = []
    for side, name, site in every[1:]:
        if site["scale"] is first:
            continue
        if is_tracing() and (isinstance(first, Tensor) or isinstance(site["scale"], Tensor)):
            agree.append(_is_close(site["scale"], first))
        elif not _equal(site["scale"], first):
            raise ScaleError(
                f"site '{name}' of the {side} is scaled by {_show(site['scale'])}, and site "
                f"'{every[0][1]}' by {_show(first)}; a bound per datum needs one scale: "
                "subsample the same plate in model and guide, put `poutine.scale` around both, "
                "weigh a KL with objectives.Beta, name the plate over data (batch_plate='data') "
                "where sites outside of it belong to all data, or take objectives.ELBO, which is "
                "linear in the log-densities and keeps each site's own scale"
            )
    if agree:
        first = torch.where(torch.stack(agree).all(), torch.as_tensor(first), torch.nan)
    if not isinstance(first, Tensor) or first.numel() == 1:
        return first.reshape(()) if isinstance(first, Tensor) else first
    full = first.reshape((1,) * (layout.rank - first.dim()) + first.shape)
    if layout.batch_dim is None or full.numel() != full.shape[layout.batch_dim]:
        raise ScaleError(
            f"the pair is scaled by a tensor of shape {list(first.shape)}; a scale may be one "
            "number or one per datum along the batch plate"
        )
    return full.reshape(-1)


def _equal(a: float | Tensor, b: float | Tensor) -> bool:
    if isinstance(a, Tensor) and isinstance(b, Tensor) and 1 < a.numel() != b.numel() > 1:
        return False
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return bool(_is_close(a, b))
    return abs(a - b) <= 1e-6 * abs(b)


def _is_close(a: float | Tensor, b: float | Tensor) -> Tensor:
    one, other = (torch.as_tensor(scale).double() for scale in (a, b))
    return torch.isclose(one, other, rtol=1e-6, atol=0.0).all()


def _show(scale: float | Tensor) -> str:
    if isinstance(scale, Tensor) and scale.numel() > 1:
        return f"a tensor of shape {list(scale.shape)}"
    return f"{float(scale):.6g}"

"""Where particles and data lie in the tensors of a pair: plates and scales."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from .errors import PlateError, ScaleError

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
        "; enclose every site of model and guide in one `pyro.plate` over data, or pass "
        "batch_plate=None for one joint bound"
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
    frame = stacks[0][plate]
    for (side, name, _), stack in zip(every, stacks, strict=True):
        other = stack[plate]
        if other.dim is None:
            raise PlateError(
                f"site '{name}' of the {side} is in the sequential plate '{plate}'; write it as "
                "`with pyro.plate(...)`, one vectorised plate over data"
            )
        if (other.dim, other.size, other.full_size) != (frame.dim, frame.size, frame.full_size):
            raise PlateError(
                f"site '{name}' of the {side} is in plate '{plate}' of size {other.size} of "
                f"{other.full_size} at dim {other.dim}, and site '{every[0][1]}' of size "
                f"{frame.size} of {frame.full_size} at dim {frame.dim}; make the two plates equal"
            )
    return frame.dim, frame.size


def common_scale(every: list[Named], layout: Layout) -> float | Tensor:
    """The one factor of the whole pair, which goes outside the log-mean-exp."""
    first = every[0][2]["scale"] if every else 1.0
    if is_validation_enabled():
        for side, name, site in every[1:]:
            if not _equal(site["scale"], first):
                raise ScaleError(
                    f"site '{name}' of the {side} is scaled by {_show(site['scale'])}, and site "
                    f"'{every[0][1]}' by {_show(first)}; a bound per datum needs one scale: "
                    "subsample the same plate in model and guide, put `poutine.scale` around "
                    "both, and weigh a KL with objectives.Beta"
                )
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
    if isinstance(a, Tensor) or isinstance(b, Tensor):
        return torch.allclose(torch.as_tensor(a).double(), torch.as_tensor(b).double(), 1e-6, 0.0)
    return abs(a - b) <= 1e-6 * abs(b)


def _show(scale: float | Tensor) -> str:
    if isinstance(scale, Tensor) and scale.numel() > 1:
        return f"a tensor of shape {list(scale.shape)}"
    return f"{float(scale):.6g}"

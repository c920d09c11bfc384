"""Seeded draws of a gradient, all leaves as one vector, and their running moments."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import NamedTuple

import pyro
import torch
from torch import Tensor, nan

from ...data.base import mix_seed
from ...runtime.progress import progress_bar

Steps = Iterable[tuple[Tensor, float]]
"""Gradients [P], and the milliseconds that each took."""

_ROUNDING = 1e-7  # of a gradient in single precision


class Welford:
    """Running mean and variance of vectors [P] in float64, one at a time."""

    def __init__(self, size: int, device: torch.device) -> None:
        self.count = 0
        self.mean = torch.zeros(size, dtype=torch.float64, device=device)
        self._squares = torch.zeros_like(self.mean)

    def add(self, value: Tensor) -> None:
        off = value - self.mean
        mean = self.mean + off / (self.count + 1)
        squares = self._squares + off * (value - mean)
        # At once: an interrupt may come between two calls, and these are of whole draws.
        self.count, self.mean, self._squares = self.count + 1, mean, squares

    @property
    def variance(self) -> Tensor:
        """Unbiased estimate [P]."""
        return self._squares / (self.count - 1)


class Leaves:
    """The leaves of a pair seen as one vector [P]."""

    def __init__(self, leaves: list[Tensor]) -> None:
        self.leaves = leaves
        self.size = sum(leaf.numel() for leaf in leaves)
        self.device = leaves[0].device

    def draws(
        self,
        sampler: Callable[[], object],
        count: int,
        seed: int,
        progress: bool | None,
        label: str = "",
    ) -> Iterator[tuple[Tensor, float]]:
        """Gradients in float64, one by one, and the milliseconds that each took."""
        with self.kept_grads(), progress_bar(count, "gradients", progress, label=label) as bar:
            for index in range(count):
                pyro.set_rng_seed(mix_seed(seed, index) % 2**32)
                for leaf in self.leaves:
                    leaf.grad = None
                self._wait()
                started = perf_counter()
                sampler()
                self._wait()
                milliseconds = 1e3 * (perf_counter() - started)
                yield self._gradient(), milliseconds
                bar.update()

    def split(self, values: Tensor) -> list[Tensor]:
        """[..., P] -> one tensor per leaf [..., *leaf]."""
        parts = values.split([leaf.numel() for leaf in self.leaves], -1)
        pairs = zip(parts, self.leaves, strict=True)
        return [part.reshape(values.shape[:-1] + leaf.shape) for part, leaf in pairs]

    def _gradient(self) -> Tensor:
        grads = [
            torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in self.leaves
        ]
        return torch.cat([grad.reshape(-1).double() for grad in grads])

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @contextmanager
    def kept_grads(self) -> Iterator[None]:
        """Within this context gradients may be written; each `.grad` is restored afterwards."""
        before = [leaf.grad for leaf in self.leaves]
        try:
            yield
        finally:
            for leaf, grad in zip(self.leaves, before, strict=True):
                leaf.grad = grad


class Drawn(NamedTuple):
    """The draws of a gradient.

    Attributes:
        moments: Their mean and variance.
        times: Milliseconds of each.
        ratios: By group, the sum of the ratios of lengths along and across the target.
        kept: Every draw on the CPU, where that was asked for.
        is_interrupted: Whether an interrupt came before all were drawn.
    """

    moments: Welford
    times: list[float]
    ratios: Tensor
    kept: list[Tensor]
    is_interrupted: bool = False

    def directional_snr(self, parts: list[slice]) -> list[float]:
        """By group; NaN of a single coordinate, and of a gradient that is always zero."""
        found = []
        for part, ratio in zip(parts, self.ratios, strict=True):
            # NaN counts as a move: `!= 0` is true of it.
            moves = (self.moments.mean[part] != 0).any() or self.moments.variance[part].any()
            has_across = part.stop - part.start > 1
            found.append(float(ratio) / len(self.times) if has_across and bool(moves) else nan)
        return found


def moments_of(
    steps: Steps, flat: Leaves, parts: list[slice], target: Tensor, keep_draws: bool
) -> Drawn:
    """Draw gradients, and compare each with a target direction.

    Args:
        steps: What is drawn.
        flat: The leaves.
        parts: Where each group of leaves lies in the vector of all.
        target: The gradient whose direction counts [P].
        keep_draws: Keep every draw.
    """
    moments = Welford(flat.size, flat.device)
    units = [(target[part] / target[part].norm()).to(flat.device) for part in parts]
    times: list[float] = []
    ratios: list[Tensor] = []  # [P] of each draw
    kept: list[Tensor] = []
    is_interrupted = False
    try:
        for gradient, milliseconds in steps:
            ratio = _ratios(gradient, parts, units)
            own = gradient.cpu() if keep_draws else None
            moments.add(gradient)
            times.append(milliseconds)
            ratios.append(ratio)
            if own is not None:
                kept.append(own)
    except KeyboardInterrupt:
        if len(ratios) < 2:
            raise
        is_interrupted = True
    count = len(ratios)
    return Drawn(moments, times[:count], torch.stack(ratios).sum(0), kept, is_interrupted)


def _ratios(gradient: Tensor, parts: list[slice], units: list[Tensor]) -> Tensor:
    """Length of a gradient along the target over its length across, by group [groups]."""
    found = []
    for part, unit in zip(parts, units, strict=True):
        along, square = gradient[part] @ unit, gradient[part].square().sum()
        across = (square - along.square()).clamp_min(_ROUNDING**2 * square)
        found.append(torch.where(square == 0, 0.0, along.abs() / across.sqrt()))
    return torch.stack(found)

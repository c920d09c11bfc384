"""Seeded draws of a gradient, all leaves as one vector, and what is kept of them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nan

from ...data.base import mix_seed
from ...runtime.progress import progress_bar
from ..collect import Compile
from ..seeded_draws import Chunk, SeededDraws
from .moments import Directions, Moments

Steps = Iterable[Chunk[Tensor]]
"""Gradients [S, P], some at a time, and the milliseconds that each took."""


class Estimator(NamedTuple):
    """Two ways to one gradient.

    Attributes:
        backward: Adds a gradient to those of the leaves.
        loss: The scalar loss of which it is the gradient, in tensors alone.
    """

    backward: Callable[[], object]
    loss: Callable[[], Tensor]


class Leaves:
    """The leaves of a pair seen as one vector [P]."""

    def __init__(self, leaves: list[Tensor]) -> None:
        self.leaves = leaves
        self.size = sum(leaf.numel() for leaf in leaves)
        self.device = leaves[0].device

    def draws(
        self,
        estimator: Estimator,
        count: int,
        seed: int,
        progress: bool | None,
        label: str = "",
        compile: Compile = "auto",
    ) -> Iterator[Chunk[Tensor]]:
        """Gradients [S, P] under one seed after another."""
        draws = self.source(estimator, f"the {label or 'gradient'}", compile)
        seeds = [mix_seed(seed, index) % 2**32 for index in range(count)]
        with self.kept_grads(), progress_bar(count, "gradients", progress, label=label) as bar:
            for chunk in draws(seeds):
                yield chunk
                bar.update(chunk.num_draws)

    def source(
        self, estimator: Estimator, name: str, compile: Compile = "auto"
    ) -> SeededDraws[Tensor]:
        """Gradients under seeds of the caller's choice, within `kept_grads`."""
        return SeededDraws(
            lambda: self._left_by(estimator.backward),
            captured=lambda: self._gradient_of(estimator.loss),
            name=name,
            compile=compile,
        )

    def split(self, values: Tensor) -> list[Tensor]:
        """[..., P] -> one tensor per leaf [..., *leaf]."""
        parts = values.split([leaf.numel() for leaf in self.leaves], -1)
        pairs = zip(parts, self.leaves, strict=True)
        return [part.reshape(values.shape[:-1] + leaf.shape) for part, leaf in pairs]

    def _left_by(self, backward: Callable[[], object]) -> Tensor:
        """The gradient that is left in the leaves [P]."""
        for leaf in self.leaves:
            leaf.grad = None
        backward()
        return self._joined([leaf.grad for leaf in self.leaves])

    def _gradient_of(self, loss: Callable[[], Tensor]) -> Tensor:
        """The gradient of a loss [P]; the leaves keep theirs."""
        wanted = [leaf for leaf in self.leaves if leaf.requires_grad]
        value = loss()
        found: dict[int, Tensor | None] = {}
        if value.requires_grad:
            grads = torch.autograd.grad(value, wanted, allow_unused=True)
            found = {id(leaf): grad for leaf, grad in zip(wanted, grads, strict=True)}
        return self._joined([found.get(id(leaf)) for leaf in self.leaves])

    def _joined(self, grads: Iterable[Tensor | None]) -> Tensor:
        pairs = zip(grads, self.leaves, strict=True)
        full = [torch.zeros_like(leaf) if grad is None else grad for grad, leaf in pairs]
        return torch.cat([grad.reshape(-1) for grad in full])

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
    """What is kept of the draws of a gradient.

    Attributes:
        moments: Their mean and variance.
        ratios: By group, the sum of the ratios of lengths along and across the target.
        times: Milliseconds of each.
        kept: Every draw on the CPU [S, P], where that was asked for.
        is_interrupted: Whether an interrupt came before all were drawn.
    """

    moments: Moments
    ratios: Tensor
    times: tuple[float, ...] = ()
    kept: tuple[Tensor, ...] = ()
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
    directions = Directions(target, parts, flat.device)
    none = torch.zeros(len(parts), dtype=torch.float64, device=flat.device)
    drawn = Drawn(Moments.of_none(flat.size, flat.device), none)
    try:
        for chunk in steps:
            # At once: an interrupt may come between two chunks, and all are of whole draws.
            drawn = Drawn(
                drawn.moments.and_of(chunk.values),
                drawn.ratios + directions.ratios(chunk.values),
                (*drawn.times, *[chunk.milliseconds] * chunk.num_draws),
                (*drawn.kept, chunk.values.cpu().double()) if keep_draws else (),
            )
    except KeyboardInterrupt:
        if drawn.moments.num_draws < 2:
            raise
        drawn = drawn._replace(is_interrupted=True)
    return drawn

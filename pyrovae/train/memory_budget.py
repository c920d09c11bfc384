"""An objective in chunks of as many particles as a budget of memory allows."""

import warnings
from collections.abc import Callable, Sequence

import pyro
import torch
from torch import Tensor

from ..errors import ConfigError
from ..objectives.objective import Objective
from ..particles.isolation import isolated
from ..particles.own_parameters import own_parameters
from ..particles.tracing import Program
from ..runtime.memory import peak_bytes, return_freed_memory

_SMALL = 4  # particles at once, measured first
_CLOSE = 0.8  # fraction of the budget that is near enough


def within(
    memory: int,
    objective: Objective,
    model: Program,
    guide: Program,
    batch: Sequence[Tensor],
    leaves: Sequence[Tensor],
) -> Objective:
    """The objective, in chunks where all its particles at once would take more memory.

    The size of the chunks has been measured to fit. Each size that is tried is at most twice one
    that fits, so that measuring stays near the budget. Gradients and random state stay as they
    are. From here on, freed memory is returned to the system: see `return_freed_memory`.

    Args:
        memory: Bytes that the tensors of one step's forward and backward pass may take.
        objective: One of `pyrovae.objectives`.
        model: The pair's model.
        guide: The pair's guide.
        batch: Of the size to train with.
        leaves: Parameters that a step takes the gradient of.

    Raises:
        ConfigError: Not even one particle at a time fits, or the objective has no chunks.
    """

    def peak(size: int) -> int:
        probe = objective.in_chunks(size)

        def step() -> None:
            loss = probe.differentiable_loss(model, guide, *batch)
            torch.autograd.grad(loss, leaves, allow_unused=True)

        return peak_bytes(step, batch[0].device)

    return_freed_memory(batch[0].device)
    total = objective.num_particles
    with (
        isolated(),
        own_parameters(),
        torch.enable_grad(),
        pyro.validation_enabled(False),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        size, taken = min(_SMALL, total), 0
        while (taken := peak(size)) > memory:
            if size == 1:
                raise ConfigError(
                    f"fit: memory={memory} bytes, and a step of {objective} on {len(batch[0])} "
                    f"data takes {taken} even one particle at a time; give more, or a smaller "
                    "batch_size"
                )
            size = 1
        size = _largest(peak, memory, size, taken, total)
    return objective if size >= total else objective.in_chunks(size)


def _largest(peak: Callable[[int], int], memory: int, size: int, taken: int, total: int) -> int:
    """About the largest size whose peak fits, searched from one that does."""
    too_large = total + 1
    while size + 1 < too_large and (taken < _CLOSE * memory or too_large > total):
        middle = size * memory // max(1, taken)  # where all of it grew with the particles
        most = 2 * size if too_large > total else (size + too_large) // 2
        middle = min(max(size + 1, min(middle, most)), too_large - 1)
        found = peak(middle)
        if found > memory:
            too_large = middle
        else:
            size, taken = middle, found
    return size

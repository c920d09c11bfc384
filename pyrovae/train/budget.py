"""An objective in chunks of as many particles as a budget of memory allows."""

import warnings
from collections.abc import Sequence

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor

from ..errors import ConfigError
from ..memory import peak_bytes
from ..objectives import ParticleELBO
from ..tracing import Program, own_parameters, undisturbed

_SMALL = (4, 8)  # particles at once, for measuring


def within(
    memory: int,
    objective: PyroELBO,
    model: Program,
    guide: Program,
    batch: Sequence[Tensor],
    leaves: Sequence[Tensor],
) -> ParticleELBO:
    """The objective, in chunks where all its particles at once would take more memory.

    The peak of a step is measured with two sizes of chunk, and rises in a straight line with it.
    Nothing changes by the measuring, neither gradients nor random streams.

    Args:
        memory: Bytes that the tensors of one step's forward and backward pass may take.
        objective: One of `pyrovae.objectives`.
        model: The pair's model.
        guide: The pair's guide.
        batch: Of the size to train with.
        leaves: Whose gradient a step takes.

    Raises:
        ConfigError: Not even one particle at a time fits, or the objective has no chunks.
    """
    if not isinstance(objective, ParticleELBO):
        raise ConfigError(
            f"fit: memory={memory} draws particles in chunks, which {type(objective).__name__} "
            "cannot; use one of pyrovae.objectives, or leave memory out"
        )

    def peak(size: int) -> int:
        probe = objective.in_chunks(size)

        def step() -> None:
            loss = probe.differentiable_loss(model, guide, *batch)
            torch.autograd.grad(loss, leaves, allow_unused=True)

        return peak_bytes(step, batch[0].device)

    total = objective.num_particles
    few, more = (min(size, total) for size in _SMALL)
    with (
        undisturbed(),
        own_parameters(),
        torch.enable_grad(),
        pyro.validation_enabled(False),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        low, high = peak(few), peak(more)
        if low > memory:
            few, more, low, high = 1, few, peak(1), low
    each = (high - low) / (more - few) if more > few else 0.0
    if low > memory:
        raise ConfigError(
            f"fit: memory={memory} bytes, and a step of {objective} on {len(batch[0])} data takes "
            f"{low} even one particle at a time; give more, or a smaller batch_size"
        )
    size = total if each <= 0 else min(total, int(few + (memory - low) / each))
    return objective if size >= total else objective.in_chunks(size)

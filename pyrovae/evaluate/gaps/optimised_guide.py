"""A guide whose distributions are optimised for each datum, free of its networks."""

import torch

from ...errors import ParameterError
from ...particles import Particles, score
from ...particles.handlers import with_distributions
from ...particles.parameters import frozen
from ...particles.tracing import Program
from ..block import Block
from .base import Shifts


def optimised_guide(block: Block, num_steps: int, learning_rate: float, size: int) -> Program:
    """The guide with the parameters of its distributions optimised for each datum of a block.

    Args:
        block: Rows of a sweep.
        num_steps: Of Adam.
        learning_rate: Of the first step.
        size: Draws per datum in each step.

    Raises:
        ParameterError: No site has parameters that could be optimised.
    """
    shifts = Shifts()
    guide = with_distributions(block.guide, shifts)
    like = block.draw(1, guide)
    if not shifts.values:
        raise ParameterError(
            "no site of the guide has parameters of its own that could be optimised per datum "
            "(point masses have none); the gap cannot be split"
        )
    optimiser = torch.optim.Adam(shifts.values.values(), lr=learning_rate)
    fixed = shifts.constant()
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, num_steps)
    with frozen({**like.guide_parameters, **like.model_parameters}), torch.enable_grad():
        for _ in range(num_steps):
            optimiser.zero_grad()
            p = block.draw(size, guide)
            try:
                log_w = _rescored(block, with_distributions(block.guide, fixed), p).log_w
            except (KeyError, NotImplementedError):
                log_w = p.log_w  # a flow without an inverse cannot score given latents
            (-log_w.mean(0).sum()).backward()
            optimiser.step()
            schedule.step()
            block.advance(1 / num_steps)
    return guide


def _rescored(block: Block, guide: Program, p: Particles) -> Particles:
    """The same latents, scored under a guide whose parameters get no gradient.

    The gradient by these parameters is zero in expectation, and is all of the noise at the
    optimum.
    """
    scored = score(
        block.model,
        guide,
        *block.args,
        latents=p.latents,
        like=p,
        vectorize_particles=block.vectorize_particles,
        batch_plate=block.batch_plate,
    )
    scored.log_w  # noqa: B018 (scored lazily: here, the caller can catch what it raises)
    return scored

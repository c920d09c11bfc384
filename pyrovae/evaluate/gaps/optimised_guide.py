"""A guide whose distributions are optimised for each datum, free of its networks."""

import math
from dataclasses import replace
from typing import Any

import pyro
import torch
from torch import Tensor

from ...errors import ParameterError
from ...particles import Particles, score
from ...particles.handlers import with_distributions
from ...particles.parameters import frozen
from ...particles.tracing import Program
from ..block import Block
from ..collect import Compile
from ..repeated import ONE_BY_ONE, Repeated, check_compile
from ..sweep import Sweep
from .base import Shifts


class GuideOptimiser:
    """Optimises the parameters of the guide's distributions for each datum of a block.

    Args:
        sweep: Over the data.
        num_steps: Of Adam.
        learning_rate: Of the first step.
        size: Draws per datum in each step.
        compile: Of the gradient: see `Repeated`.

    Raises:
        ConfigError: There is no such `compile`.
    """

    def __init__(
        self, sweep: Sweep, num_steps: int, learning_rate: float, size: int, compile: Compile
    ) -> None:
        check_compile(compile)
        self._sweep, self._num_steps, self._learning_rate = sweep, num_steps, learning_rate
        self._size, self._compile = size, compile
        self._gradient: Repeated[tuple[Tensor | None, ...]] | None = None
        self._blocks: list[tuple[Block, Shifts]] = []  # the latest

    def __call__(self, block: Block) -> Program:
        """The guide with the best parameters for this block.

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
        leaves = list(shifts.values.values())
        gradient = self._gradient = self._gradient or self._repeated(len(leaves))
        if self._size > 1 and not block.vectorize_particles:
            gradient.refuse(ONE_BY_ONE)
        self._blocks = [(block, shifts)]
        optimiser = torch.optim.Adam(leaves, lr=self._learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, self._num_steps)
        with frozen({**like.guide_parameters, **like.model_parameters}):
            for _ in range(self._num_steps):
                found = gradient(*block.args, *(leaf.detach() for leaf in leaves))
                for leaf, each in zip(leaves, found, strict=True):
                    leaf.grad = each
                optimiser.step()
                schedule.step()
                block.advance(1 / self._num_steps)
        return guide

    def _repeated(self, varying: int) -> Repeated[tuple[Tensor | None, ...]]:
        sweep = self._sweep
        rows = min(sweep.shape[0], sweep.num_data)
        widest = max(tensor.numel() for tensor in sweep.inputs.source[:1])
        return Repeated(
            self._gradients,
            "the step that optimises the guide",
            varying=varying,
            calls=math.ceil(sweep.num_data / rows) * self._num_steps,
            numbers=self._size * rows * widest,
            device=sweep.device,
            compile=self._compile,
        )

    def _gradients(self, *given: Any) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Gradients of minus the ELBO of new draws, by the shifts."""
        block, own = self._blocks[0]
        args, values = given[: len(block.args)], given[len(block.args) :]
        block = replace(block, args=args)
        with pyro.validation_enabled(False), torch.enable_grad():
            free = [value.detach().requires_grad_() for value in values]
            shifts = own.at(free)
            p = block.draw(self._size, with_distributions(block.guide, shifts))
            try:
                fixed = with_distributions(block.guide, shifts.constant())
                log_w = _rescored(block, fixed, p).log_w
            except (KeyError, NotImplementedError):
                log_w = p.log_w  # a flow without an inverse cannot score given latents
            return torch.autograd.grad(-log_w.mean(0).sum(), free, allow_unused=True)


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

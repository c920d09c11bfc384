"""What both directions of annealing share: temperatures, step sizes, weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Any, cast

import torch
from torch import Tensor

from ...errors import ConfigError
from ...particles import Particles
from ...particles.handlers import prior_of
from ...particles.parameters import frozen
from ...particles.tracing import Program
from ..block import Block
from ..collect import Compile
from ..inputs import Data
from ..options import SweepOptions, spelled_out
from ..repeated import ONE_BY_ONE, check_compile
from ..sweep import Sweep, sweep_over
from .force import Forces
from .hmc import HMC
from .options import AnnealingOptions, Schedule, Start, Transition
from .tempered_path import State, TemperedPath

_PILOT_DRAWS = 32  # from which the scale of each coordinate is estimated
_ADAPTATIONS = 100  # temperatures at which the step size is adapted, at most
_WARM_UP = 20  # moves at the first of them
_RATE = 0.3  # change of the logarithm of the step size, per unit of acceptance


Advance = Callable[[], object]
"""Called after each move."""


@dataclass(frozen=True)
class PathWeights:
    """Log weights of chains that went along the path once, in either direction.

    Attributes:
        log_w: Of each chain [K, b], float64.
        acceptance: Mean acceptance probability over moves and chains [b]; NaN without moves.
        step_size: The last one, in units of the start's standard deviation [b]; NaN likewise.
    """

    log_w: Tensor
    acceptance: Tensor
    step_size: Tensor


@dataclass(frozen=True)
class Annealer:
    """Moves the chains of a block along the path, in either direction.

    Args:
        sweep: Over the data, `together`.
        num_temperatures: Intervals T of the path: one is plain importance sampling.
        start: Where the path begins: q(z|x), or the prior p(z).
        schedule: See `AnnealingOptions`, as for the rest.
        ways: How often the path is gone: 1, or 2 for there and back.

    Raises:
        ConfigError: A value makes no sense.
    """

    sweep: Sweep
    num_temperatures: int
    start: Start
    schedule: Schedule = "sigmoid"
    num_leapfrog: int = 10
    target_acceptance: float = 0.65
    transition: Transition | None = None
    compile: Compile = "auto"
    ways: int = 1

    def __post_init__(self) -> None:
        if self.start not in ("guide", "prior"):
            raise ConfigError(f"start is {self.start!r}, and must be 'guide' or 'prior'")
        if self.schedule not in ("sigmoid", "linear"):
            raise ConfigError(f"schedule is {self.schedule!r}, and must be 'sigmoid' or 'linear'")
        for name in ("num_temperatures", "num_leapfrog"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}, and must be at least 1")
        if not 0 < self.target_acceptance < 1:
            raise ConfigError(
                f"target_acceptance is {self.target_acceptance}, and must be between 0 and 1"
            )
        check_compile(self.compile)

    def run(self, block: Block, latents: dict[str, Tensor] | None = None) -> list[PathWeights]:
        """Anneal from the start; where exact posterior draws [1, b, ...] are given, also back."""
        num_particles = self.sweep.num_particles
        advance = partial(block.advance, 1 / (self.ways * self.num_temperatures + self._warm_ups))
        pilots = self._pilots(block)
        like = pilots[0]
        with frozen({**like.guide_parameters, **like.model_parameters}):
            path = TemperedPath(block, self._start_guide, like)
            spread = torch.cat([path.at(p.latents).u for p in pilots]).std(0)
            move, steps = self._moves(block, path, spread, advance)
            start = path.at(block.draw(num_particles, self._start_guide).latents)
            found = [_anneal(start, self.betas(), move, steps, advance)]
            if latents is not None:
                copies = {n: v.expand(num_particles, *v.shape[1:]) for n, v in latents.items()}
                found.append(
                    _anneal(path.at(copies), self.betas(), move, steps, advance, back=True)
                )
        return found

    def betas(self, size: int | None = None) -> list[float]:
        """Inverse temperatures from 0 to 1, `size` intervals."""
        size = self.num_temperatures if size is None else size
        even = torch.linspace(0, 1, size + 1, dtype=torch.float64)
        if self.schedule == "sigmoid":
            bent = torch.sigmoid(8 * even - 4)
            even = (bent - bent[0]) / (bent[-1] - bent[0])
        return [float(beta) for beta in even]

    @property
    def _start_guide(self) -> Program:
        """Draws the start of the path."""
        return prior_of(self.sweep.model) if self.start == "prior" else self.sweep.guide

    @property
    def _adaptations(self) -> int:
        """Temperatures at which the step size is adapted."""
        return min(_ADAPTATIONS, max(_WARM_UP, self.num_temperatures))

    @property
    def _warm_ups(self) -> int:
        """Moves that adapt the step size, by block."""
        adapts = self.transition is None and self.num_temperatures > 1
        return adapts * (_WARM_UP + self._adaptations)

    @cached_property
    def _forces(self) -> Forces:
        """What moves the chains of all blocks."""
        rows, particles = self.sweep.shape
        moves = self.ways * (self.num_temperatures - 1) + self._warm_ups
        blocks = math.ceil(self.sweep.num_data / rows)
        widest = max(tensor.numel() for tensor in self.sweep.inputs.source[:1])
        return Forces(
            blocks * moves * (self.num_leapfrog + 1),
            particles * min(rows, self.sweep.num_data) * widest,
            self.sweep.device,
            self.compile,
        )

    def _pilots(self, block: Block) -> list[Particles]:
        """Draws of the start, two particles or more each, that show its scales."""
        size = max(2, self.sweep.num_particles)
        count = math.ceil(_PILOT_DRAWS / size)
        return [block.draw(size, self._start_guide) for _ in range(count)]

    def _moves(
        self, block: Block, path: TemperedPath, spread: Tensor, advance: Advance
    ) -> tuple["_Move", Tensor]:
        """A move, and its step size at each temperature and datum [T + 1, b]."""
        transition = self.transition
        if transition is not None:

            def move(state: State, beta: float, step: Tensor) -> tuple[State, Tensor]:
                moved = transition(path.latents(state.u), beta, *block.args)
                return path.at(moved), torch.full_like(state.log_w, math.nan)

            return move, spread.new_full((self.num_temperatures + 1, len(spread)), math.nan)
        scale = torch.where((spread > 0) & spread.isfinite(), spread, torch.ones_like(spread))
        if self.sweep.num_particles > 1 and not block.vectorize_particles:
            self._forces.refuse(ONE_BY_ONE)
        hmc = HMC(self._forces.of(path.density, *path.given), scale, self.num_leapfrog)
        return hmc, self._adapted(block, path, hmc, advance)

    def _adapted(self, block: Block, path: TemperedPath, hmc: HMC, advance: Advance) -> Tensor:
        """Step sizes [T + 1, b], adapted on chains that are then thrown away."""
        size = self._adaptations
        state = path.at(block.draw(self.sweep.num_particles, self._start_guide).latents)
        log_step = torch.full_like(state.u[0, :, 0], math.log(0.3))
        trail = []
        if self.num_temperatures > 1:
            betas = self.betas(size)[1:]
            for beta in [betas[0]] * _WARM_UP + betas:
                state, chance = hmc(state, beta, log_step.exp())
                log_step = log_step + _RATE * (chance.mean(0) - self.target_acceptance)
                trail.append(log_step.exp())
                advance()
        steps = torch.stack(trail[_WARM_UP:] or [log_step.exp()])
        ends = torch.linspace(0, len(steps) - 1, self.num_temperatures + 1)
        return steps[ends.round().long()]


anneals = spelled_out(AnnealingOptions, Sweep, Annealer)
"""Decorator of `ais` and `bdmc`: show their options in the signature."""


def annealer_over(
    model: Program,
    guide: Program,
    x: Data,
    args: tuple[Any, ...],
    num_particles: int,
    num_temperatures: int,
    start: Start,
    options: AnnealingOptions,
    ways: int = 1,
) -> Annealer:
    """The annealer of a measurement that was called with these arguments and options.

    Raises:
        ConfigError: A value makes no sense.
    """
    own = {field.name for field in fields(Annealer)}
    of_sweep = cast(SweepOptions, {n: v for n, v in options.items() if n not in own})
    sweep = sweep_over(model, guide, x, args, num_particles, of_sweep, together=True)
    moves: dict[str, Any] = {n: v for n, v in options.items() if n in own}
    return Annealer(sweep, num_temperatures, start, ways=ways, **moves)


_Move = Callable[[State, float, Tensor], tuple[State, Tensor]]


def _anneal(
    state: State,
    betas: list[float],
    move: _Move,
    steps: Tensor,
    advance: Advance,
    *,
    back: bool = False,
) -> PathWeights:
    """Weights of chains along the path.

    From a draw of the start, the mean weight is p(x) in expectation. Back from a draw of the
    posterior, the mean of 1 / weight is 1 / p(x) in expectation.
    """
    log_w, chances = torch.zeros_like(state.log_w, dtype=torch.float64), []
    intervals = range(1, len(betas))  # by their upper end
    for t in reversed(intervals) if back else intervals:
        log_w = log_w + (betas[t] - betas[t - 1]) * state.log_w
        end = t - 1 if back else t
        if 0 < end < len(betas) - 1:
            state, chance = move(state, betas[end], steps[end])
            chances.append(chance.mean(0))
        advance()
    if not chances:
        return PathWeights(log_w, math.nan * steps[-1], math.nan * steps[-1])
    return PathWeights(log_w, torch.stack(chances).mean(0), steps[-1])

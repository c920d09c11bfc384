"""What both directions of annealing share: temperatures, step sizes, weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...errors import ConfigError
from ...particles.handlers import prior_of
from ...particles.parameters import frozen
from ..sweep import Block, Sweep
from .hmc import HMC
from .tempered_path import State, TemperedPath

Start = Literal["guide", "prior"]
Schedule = Literal["sigmoid", "linear"]

Transition = Callable[..., dict[str, Tensor]]
"""`transition(latents, beta, *args) -> latents` [K, B, ...]: moves that keep pi_beta."""

_SCOUTS = 32  # draws by which each coordinate's scale is told
_ADAPTATIONS = 100  # temperatures at which the step size is told, at most
_WARM_UP = 20  # moves at the first of them
_RATE = 0.3  # of the logarithm of the step size, per unit of acceptance


@dataclass(frozen=True)
class Ascent:
    """Log weights of one way along the path.

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
        start: Where the path begins: q(z|x), or the prior p(z).
        num_temperatures: Intervals T of the path: one is plain importance sampling.
        schedule: Inverse temperatures: "linear" or, denser at both ends, "sigmoid".
        num_leapfrog: Leapfrog steps of a move.
        target_acceptance: What the step sizes are adapted to.
        transition: Moves to make instead.

    Raises:
        ConfigError: A value makes no sense.
    """

    sweep: Sweep
    start: Start
    num_temperatures: int
    schedule: Schedule
    num_leapfrog: int
    target_acceptance: float
    transition: Transition | None

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

    def run(self, block: Block, latents: dict[str, Tensor] | None = None) -> list[Ascent]:
        """Anneal from the start; where exact posterior draws [1, b, ...] are given, also back."""
        guide = prior_of(self.sweep.model) if self.start == "prior" else self.sweep.guide
        num_particles = self.sweep.num_particles
        drawn = [block.draw(max(2, num_particles), guide)]
        needed = math.ceil(_SCOUTS / max(2, num_particles)) - 1
        drawn += [block.draw(max(2, num_particles), guide) for _ in range(needed)]
        like = drawn[0]
        with frozen({**like.guide_parameters, **like.model_parameters}):
            path = TemperedPath(block, guide, like)
            scouts = torch.cat([path.at(p.latents).u for p in drawn])
            move, steps = self._moves(block, path, scouts.std(0))
            start = path.at(block.draw(num_particles, guide).latents)
            ways = [_ascend(start, self.betas(), move, steps)]
            if latents is not None:
                copies = {n: v.expand(num_particles, *v.shape[1:]) for n, v in latents.items()}
                ways.append(_descend(path.at(copies), self.betas(), move, steps))
        return ways

    def betas(self, size: int | None = None) -> list[float]:
        """Inverse temperatures from 0 to 1, `size` intervals."""
        size = self.num_temperatures if size is None else size
        even = torch.linspace(0, 1, size + 1, dtype=torch.float64)
        if self.schedule == "sigmoid":
            bent = torch.sigmoid(8 * even - 4)
            even = (bent - bent[0]) / (bent[-1] - bent[0])
        return [float(beta) for beta in even]

    def _moves(self, block: Block, path: TemperedPath, spread: Tensor) -> tuple["_Move", Tensor]:
        transition = self.transition
        if transition is not None:

            def move(state: State, beta: float, step: Tensor) -> tuple[State, Tensor]:
                moved = transition(path.latents(state.u), beta, *block.args)
                return path.at(moved), torch.full_like(state.log_w, math.nan)

            return move, spread.new_full((self.num_temperatures + 1, len(spread)), math.nan)
        scale = torch.where((spread > 0) & spread.isfinite(), spread, torch.ones_like(spread))
        hmc = HMC(path, scale, self.num_leapfrog)
        return hmc, self._adapted(block, path, hmc)

    def _adapted(self, block: Block, path: TemperedPath, hmc: HMC) -> Tensor:
        """Step size of each temperature and datum [T + 1, b], from chains of their own."""
        size = min(_ADAPTATIONS, max(_WARM_UP, self.num_temperatures))
        guide = prior_of(self.sweep.model) if self.start == "prior" else self.sweep.guide
        state = path.at(block.draw(self.sweep.num_particles, guide).latents)
        log_step = torch.full_like(state.u[0, :, 0], math.log(0.3))
        trail = []
        if self.num_temperatures > 1:
            betas = self.betas(size)[1:]
            for beta in [betas[0]] * _WARM_UP + betas:
                state, chance = hmc(state, beta, log_step.exp())
                log_step = log_step + _RATE * (chance.mean(0) - self.target_acceptance)
                trail.append(log_step.exp())
        steps = torch.stack(trail[_WARM_UP:] or [log_step.exp()])
        ends = torch.linspace(0, len(steps) - 1, self.num_temperatures + 1)
        return steps[ends.round().long()]


_Move = Callable[[State, float, Tensor], tuple[State, Tensor]]


def _ascend(state: State, betas: list[float], move: _Move, steps: Tensor) -> Ascent:
    """From a draw of the start; the mean weight is p(x) in expectation."""
    log_w, chances = torch.zeros_like(state.log_w, dtype=torch.float64), []
    for t in range(1, len(betas)):
        log_w = log_w + (betas[t] - betas[t - 1]) * state.log_w
        if t < len(betas) - 1:
            state, chance = move(state, betas[t], steps[t])
            chances.append(chance.mean(0))
    return _gathered(log_w, chances, steps)


def _descend(state: State, betas: list[float], move: _Move, steps: Tensor) -> Ascent:
    """From a draw of the posterior; the mean of 1 / weight is 1 / p(x) in expectation."""
    log_w, chances = torch.zeros_like(state.log_w, dtype=torch.float64), []
    for t in range(len(betas) - 1, 0, -1):
        log_w = log_w + (betas[t] - betas[t - 1]) * state.log_w
        if t > 1:
            state, chance = move(state, betas[t - 1], steps[t - 1])
            chances.append(chance.mean(0))
    return _gathered(log_w, chances, steps)


def _gathered(log_w: Tensor, chances: list[Tensor], steps: Tensor) -> Ascent:
    last = steps[-1]
    if not chances:
        return Ascent(log_w, math.nan * last, math.nan * last)
    return Ascent(log_w, torch.stack(chances).mean(0), last)

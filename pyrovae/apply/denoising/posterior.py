"""Draws from p(z|noisy): proposals fitted to each datum, importance weights, HMC moves."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from ...errors import ConfigError, SiteError
from ...evaluate.annealing.force import Forces
from ...evaluate.annealing.hmc import HMC
from ...evaluate.annealing.tempered_path import State
from ...math import effective_sample_size, log_mean_exp
from ...particles.conditionals import conditionals
from ...particles.tracing import Program
from ..values import repeated, support_of
from .noisy_model import NoisyModel, Scored, seen_by_guide, summed

_FIT_DRAWS = 4  # per datum and step
_PILOTS = 16  # draws of the guide that show where the proposals start, and how wide
_NARROWEST = 1e-3
_TARGET = 0.75  # acceptance of a trajectory


@dataclass(frozen=True)
class Draws:
    """K draws for each of b data.

    Attributes:
        mean: E[x|noisy] [b, ...], in the shape of the data.
        draws: Clean data drawn from p(x|noisy) [num_draws, b, ...].
        log_evidence: Importance-weighted estimate of log p(noisy) [b].
        ess: Effective size of the weights, of K [b].
        weights: Of the proposals [K, b].
        acceptance: Of the HMC trajectories [b]; NaN without any.
    """

    mean: Tensor
    draws: Tensor
    log_evidence: Tensor
    ess: Tensor
    weights: Tensor
    acceptance: Tensor


@dataclass(frozen=True)
class PosteriorSampler:
    """How draws from p(z|noisy) are made.

    Args:
        num_particles: K.
        num_steps: Gradient steps that fit a normal proposal to each datum; 0 proposes from the
            guide.
        num_moves: HMC trajectories of each draw; 0 keeps the weighted proposals.
        num_leapfrog: Steps of a trajectory.
        num_draws: Clean data to draw for each datum.
        clip: See `restore`.
    """

    num_particles: int
    num_steps: int
    num_moves: int
    num_leapfrog: int
    num_draws: int
    clip: bool = True

    def __call__(self, noisy: NoisyModel, guide: Program, rest: tuple[Any, ...]) -> Draws:
        """Draw for the rows of a noisy model; `rest` is what the guide takes after the data."""
        seen = (seen_by_guide(noisy, self.clip), *rest)
        many = noisy.repeated(self.num_particles)
        if not noisy.is_continuous:
            if self.num_moves or self.num_steps:
                names = [n for n, s in noisy.latents.items() if support_of(s.fn).is_discrete]
                raise ConfigError(
                    f"the latents {names} are discrete, and proposals are fitted and moved along "
                    "gradients; pass num_steps=0, num_moves=0 to weight draws of the guide"
                )
            latents, log_q = _proposed_by_guide(guide, repeated(seen, self.num_particles), many)
            return self._weighted(many.at(latents), log_q)
        loc, scale = self._fitted(noisy, guide, seen)
        if self.num_steps:
            u = loc + scale * torch.randn(self.num_particles, *loc.shape).to(loc)  # [K, b, L]
            scored = many.at_coordinates(u.flatten(0, 1))
            log_q = torch.distributions.Normal(loc, scale).log_prob(u).sum(-1)
        else:
            latents, log_q = _proposed_by_guide(guide, repeated(seen, self.num_particles), many)
            scored = many.at(latents)
            u = many.coordinates(latents).reshape(self.num_particles, *loc.shape)
        found = self._weighted(scored, log_q.flatten())
        if not self.num_moves:
            return found
        return self._moved(many, self._resampled(u, found.weights), scale, found)

    def _fitted(
        self, noisy: NoisyModel, guide: Program, seen: tuple[Any, ...]
    ) -> tuple[Tensor, Tensor]:
        """Mean and deviation of a normal proposal for each datum [b, L]."""
        pilots = noisy.repeated(_PILOTS)
        latents, _ = _proposed_by_guide(guide, repeated(seen, _PILOTS), pilots, scored=False)
        u = pilots.coordinates(latents).reshape(_PILOTS, len(noisy.noisy), -1)
        loc, scale = u.mean(0), u.std(0).clamp_min(_NARROWEST)
        if not self.num_steps:
            return loc, scale
        many = noisy.repeated(_FIT_DRAWS)
        with torch.enable_grad():
            leaves = [loc.requires_grad_(), scale.log().requires_grad_()]
            optimizer = torch.optim.Adam(leaves, lr=0.1)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.num_steps)
            for _ in range(self.num_steps):
                noise = torch.randn(_FIT_DRAWS, *loc.shape).to(loc)
                u = leaves[0] + leaves[1].exp() * noise
                bound = many.at_coordinates(u.flatten(0, 1)).log_joint
                bound = bound.sum() / _FIT_DRAWS + leaves[1].sum()
                for leaf, gradient in zip(
                    leaves, torch.autograd.grad(-bound, leaves), strict=True
                ):
                    leaf.grad = gradient.nan_to_num(0.0, 0.0, 0.0)
                optimizer.step()
                schedule.step()
        return leaves[0].detach(), leaves[1].detach().exp()

    def _weighted(self, scored: Scored, log_q: Tensor) -> Draws:
        size = self.num_particles
        log_w = (scored.log_joint - log_q).reshape(size, -1).double()
        log_w = _without_nan(log_w)
        weights = log_w.softmax(0).nan_to_num(1 / size)  # [K, b]
        means = scored.elements.mean
        means = means.reshape(size, -1, *means.shape[1:])
        mean = torch.einsum("kb,kb...->b...", weights.to(means), means)
        drawn = scored.elements.sample().reshape(means.shape)
        picked = torch.multinomial(weights.T, self.num_draws, replacement=True).T  # [S, b]
        draws = drawn[picked, torch.arange(drawn.shape[1], device=drawn.device)]
        return Draws(
            mean, draws, log_mean_exp(log_w), effective_sample_size(log_w), weights,
            torch.full_like(log_w[0], math.nan),
        )  # fmt: skip

    def _moved(self, many: NoisyModel, u: Tensor, scale: Tensor, found: Draws) -> Draws:
        """The draws u [K, b, L], moved; the second half of the moves counts."""
        shape = (self.num_particles, *found.mean.shape)

        def density(at: Tensor) -> State:
            log_joint = _without_nan(many.at_coordinates(at.flatten(0, 1)).log_joint)
            log_joint = log_joint.reshape(shape[:2])
            return State(at, log_joint, torch.zeros_like(log_joint))

        calls = self.num_moves * (self.num_leapfrog + 1)
        force = Forces(calls, many.noisy.numel(), u.device).of(density)
        hmc, state = HMC(force, scale, self.num_leapfrog), density(u)
        log_step = torch.full_like(scale[:, 0], math.log(0.3))
        mean, chances, draws = torch.zeros_like(found.mean), [], []
        warm = self.num_moves // 2
        kept = self.num_moves - warm
        for number in range(self.num_moves):
            state, chance = hmc(state, 1.0, log_step.exp())
            if number < warm:
                log_step = log_step + 0.5 * (chance.mean(0) - _TARGET)
                continue
            chances.append(chance.mean(0))
            elements = many.at_coordinates(state.u.flatten(0, 1)).elements
            mean = mean + elements.mean.reshape(shape).mean(0) / kept
            if (self.num_moves - number - 1) * shape[0] < self.num_draws:
                draws.append(elements.sample().reshape(shape))
        every = torch.cat(draws[::-1])
        order = torch.arange(self.num_draws) % len(every)
        acceptance = torch.stack(chances).mean(0)
        return replace(found, mean=mean, draws=every[order], acceptance=acceptance)

    def _resampled(self, u: Tensor, weights: Tensor) -> Tensor:
        """Draws [K, b, L] by their weights [K, b]."""
        picked = torch.multinomial(weights.T, len(u), replacement=True).T
        return u[picked, torch.arange(u.shape[1], device=u.device)]


def _without_nan(log_density: Tensor) -> Tensor:
    """A density of zero where it is not known."""
    return log_density.nan_to_num(-math.inf, -math.inf, -math.inf)


def _proposed_by_guide(
    guide: Program, args: list[Any], model: NoisyModel, *, scored: bool = True
) -> tuple[Mapping[str, Tensor], Tensor]:
    """A draw of the guide for each row, and its log-density [R]."""
    sites = conditionals(guide, *args)
    missing = [name for name in model.latents if name not in sites]
    if missing:
        raise SiteError(f"the guide draws no {missing}, latents of the model")
    latents = {name: sites[name].value for name in model.latents}
    log_q = model.noisy.new_zeros(len(model.noisy))
    if scored:
        for site in sites.values():
            if not site.is_observed and getattr(site.fn, "has_density", True):
                log_q = log_q + summed(site.fn.log_prob(site.value))
    return latents, log_q

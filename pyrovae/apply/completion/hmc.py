"""Hamiltonian Monte Carlo in latent space, on p(z|observed)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ...evaluate.annealing.force import Forces
from ...evaluate.annealing.hmc import HMC
from ...evaluate.annealing.tempered_path import State
from .coordinates import Coordinates
from .gibbs import started
from .observation import Observation
from .programs import Programs
from .running import Estimate, Found, Running

_ACCEPTANCE = 0.8  # to which the step size of each datum is adapted
_MOVES = 20  # of pseudo-Gibbs, before
_TEMPERATURES = 50  # from p(z|observed) to p(z|x)


@dataclass(frozen=True)
class Hamiltonian:
    """Chains of HMC on p(z|observed), S for each datum, all at once.

    x is summed out of it: given z, what is hidden is drawn from p(x|z, observed). Constrained
    latents move in unconstrained coordinates. Chains start where twenty moves of pseudo-Gibbs
    lead. In the first half of the moves, which are thrown away, the step size of each datum is
    adapted to an acceptance of .8 (stochastic approximation with averaging), and the unit of each
    coordinate to its spread. The guide is needed for the start alone.

    Where all of x is known, log p(hidden|observed) is found by annealing as well: the chains go on
    from p(z|observed) to p(z|x) over 50 temperatures. Its expectation is below the logarithm
    (Jensen), by far less than that of the average over draws.

    Args:
        num_chains: S.
        num_moves: Of each chain, of which the first half are thrown away.
        num_leapfrog: Leapfrog steps of a move.

    Source:
        MCMC using Hamiltonian dynamics (Neal, 2011), https://arxiv.org/abs/1206.1901; averaged
        step sizes: Hoffman & Gelman (2014), sec. 3.2, https://arxiv.org/abs/1111.4246
    """

    num_chains: int
    num_moves: int
    num_leapfrog: int

    def __call__(self, pair: Programs, seen: Observation, x: Tensor) -> tuple[Found, Estimate]:
        """Run the chains; see `Gibbs`. Also log p(hidden|observed) by annealing."""
        seen = seen.repeated(self.num_chains)
        x = x.repeat(self.num_chains, 1)
        run = pair.from_guide(started(pair, seen, x))
        at = Coordinates(pair, run)
        for _ in range(_MOVES):
            run = pair.from_guide(seen.draw(run.elements))
        state, hmc, step = self._warmed_up(pair, seen, x, at, at.of(run))
        running = Running(self.num_chains, self.num_moves - self.num_moves // 2)
        chances = []
        for _ in range(self.num_moves - self.num_moves // 2):
            state, chance = hmc(state, 0.0, step)
            chances.append(chance.mean(0))
            run, _ = at(x, state.u.flatten(0, 1))
            running.add(pair, seen, run)
            pair.advance(1 / self.num_moves)
        found = running.found(pair, seen.draw(run.elements), run, torch.stack(chances).mean(0))
        return found, _annealed(state, hmc, step)

    def _warmed_up(
        self, pair: Programs, seen: Observation, x: Tensor, at: Coordinates, u: Tensor
    ) -> tuple[State, HMC, Tensor]:
        """Chains that have found the posterior, how they move, and the step size [b]."""

        def density(u: Tensor) -> State:
            run, log_det = at(x, u.flatten(0, 1))
            start = run.log_prior + log_det + seen.log_prob(run.elements)
            rest = seen.log_rest(run.elements).clamp_min(-1e9)  # 0 times it is 0
            return State(u, start.reshape(u.shape[:2]), rest.reshape(u.shape[:2]))

        state = density(u.reshape(self.num_chains, -1, u.shape[-1]))
        moves = self.num_moves + _TEMPERATURES
        force = Forces(moves * (self.num_leapfrog + 1), x.numel(), u.device).of(density)
        hmc = HMC(force, torch.ones_like(state.u[0]), self.num_leapfrog)
        log_step = averaged = torch.full_like(state.u[0, :, 0], -1.5)
        visited: list[Tensor] = []
        count, age = self.num_moves // 2, 1
        for move in range(count):
            state, chance = hmc(state, 0.0, log_step.exp())
            log_step = log_step + 2 * age**-0.6 * (chance.mean(0) - _ACCEPTANCE)
            averaged = averaged + age**-0.5 * (log_step - averaged)
            age += 1
            visited.append(state.u)
            if move == count // 2:
                scale = torch.cat(visited[move // 2 :]).std(0)
                unit = scale.mean(-1)  # the step keeps its length on the whole
                hmc = HMC(force, scale.clamp_min(1e-6), self.num_leapfrog)
                log_step = averaged = averaged - unit.log()
                age = 1
        return state, hmc, averaged.exp()


def _annealed(state: State, hmc: HMC, step: Tensor) -> Estimate:
    """log p(hidden|observed) by annealed importance sampling."""
    log_w = torch.zeros_like(state.log_w, dtype=torch.float64)
    if bool((state.log_w == 0).all()):  # nothing is known of what was hidden
        return Estimate.of_weights(log_w)
    betas = torch.linspace(0, 1, _TEMPERATURES + 1).square().tolist()  # close together at 0
    for before, beta in zip(betas, betas[1:], strict=False):
        log_w = log_w + (beta - before) * state.log_w
        if beta < 1:
            state, _ = hmc(state, beta, step)
    return Estimate.of_weights(log_w)

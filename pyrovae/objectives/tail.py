"""Estimators that warn where a heavy tail of the weights makes them unreliable."""

from abc import ABC
from typing import Unpack

from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..errors import VarianceWarning, warn
from ..math import MIN_PARTICLES_PARETO, pareto_k, pareto_k_limit
from ..particles import Particles
from .constructor import Drawing
from .fixed_draws import FixedDrawsELBO


class TailELBO(FixedDrawsELBO, ABC):
    """Base of the estimators that average a power of the weights, of perhaps infinite variance.

    They are checked by k-hat of that power (`pareto_k`). A `VarianceWarning` comes once where
    k-hat is above the limit for so many particles (`pareto_k_limit`) for half of the data or
    more, or where there are too few particles to tell. The first training step is checked, and
    the evaluations number 1, 2, 4, 8, ...; a step that is checked waits for the device. Nothing is
    checked while Pyro's validation is off.

    Args:
        num_particles: Particles per datum, K >= 1.
        vectorize_particles: See `ParticleELBO`, as for the remaining arguments.
    """

    def __init__(self, num_particles: int = 100, **drawing: Unpack[Drawing]) -> None:
        super().__init__(num_particles, **drawing)
        self._steps_begun, self._evaluations = False, 0
        self._warned_at: set[int] = set()  # numbers of particles; copies share it

    @property
    def tail_power(self) -> float:
        """Power of the weights that is averaged."""
        return 1.0

    def surrogate(self, p: Particles) -> Tensor:
        if not self._steps_begun:
            self._steps_begun = True
            self._check_tail(p)
        return super().surrogate(p)

    def _evaluated(self, p: Particles) -> Tensor:
        self._evaluations += 1
        if self._evaluations & (self._evaluations - 1) == 0:
            self._check_tail(p)
        return super()._evaluated(p)

    def _check_tail(self, p: Particles) -> None:
        if p.num_particles in self._warned_at or not is_validation_enabled():
            return
        size, power = p.num_particles, self.tail_power
        if size < MIN_PARTICLES_PARETO:
            self._warn(
                size,
                f"{size} particles are too few to tell, k-hat needs {MIN_PARTICLES_PARETO}; give "
                "more, hundreds or thousands",
            )
            return
        k_hat, limit = pareto_k(power * p.log_w.detach()), pareto_k_limit(size)
        above = int((k_hat > limit).sum())
        if 2 * above >= p.batch_size:
            weights = "the weights" if power == 1 else f"the weights to the power {power:g}"
            self._warn(
                size,
                f"k-hat of {weights} is {float(k_hat.nanmedian()):.2f} in the median and above "
                f"{limit:.2f}, the limit at K = {size}, for {above} of {p.batch_size} data; give "
                "more particles, widen the guide (objectives.RWS trains it to cover the "
                "posterior), or bound simulated data from above with evaluate.bdmc",
            )

    def _warn(self, size: int, why: str) -> None:
        self._warned_at.add(size)
        text = f"the variance of {self} may be infinite, and its value far too low: {why}"
        warn(text, VarianceWarning)

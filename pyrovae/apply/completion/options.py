"""The keywords that `complete`, `super_resolve` and `invert` share."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal, cast, get_args

from torch import Tensor

from ...errors import ConfigError
from ...evaluate.options import SweepOptions, spelled_out
from ...evaluate.sweep import Sweep
from .gibbs import Gibbs
from .hmc import Hamiltonian
from .importance import Importance
from .observation import Observation
from .programs import Programs
from .running import Estimate, Found

Method = Literal["auto", "hmc", "metropolis-gibbs", "importance", "gibbs"]

Run = Callable[[Programs, Observation, Tensor], tuple[Found, dict[str, Estimate]]]
"""Gives what was found, and further estimates of log p(hidden|observed) by name."""


class CompletionOptions(SweepOptions, total=False):
    """Keywords of `complete` and its kin: how the hidden part is drawn, besides `SweepOptions`.

    Args:
        method: How p(z|observed) is sampled. "hmc" needs continuous latents, and mixes best
            where the guide is narrow or most of x is hidden. "metropolis-gibbs" (Mattei &
            Frellsen, 2018) takes any latents; both are exact as `num_steps` grows. "importance"
            resamples `num_particles` draws; it is exact as these grow, and no use where the ESS
            is near 1. "gibbs" (Rezende et al., 2014) is exact for a guide that is the posterior,
            and biased otherwise. "auto" is "hmc" where all latents are continuous, else
            "metropolis-gibbs".
        num_completions: S, and the number of chains.
        num_steps: Moves of each chain, of which the first half are thrown away.
        num_particles: K of "importance", and of the importance sampling estimates of log p(x) and
            log p(observed); 0 leaves these out.
        num_leapfrog: Leapfrog steps of a move of "hmc".
    """

    method: Method
    num_completions: int
    num_steps: int
    num_particles: int
    num_leapfrog: int


@dataclass(frozen=True)
class Settings:
    """The values of these keywords, checked.

    Raises:
        ConfigError: A value makes no sense.
    """

    method: Method = "auto"
    num_completions: int = 10
    num_steps: int = 200
    num_particles: int = 1000
    num_leapfrog: int = 10

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ConfigError(
                f"method is {self.method!r}, and must be one of {', '.join(get_args(Method))}"
            )
        least = {"num_completions": 1, "num_steps": 8, "num_leapfrog": 1}
        least["num_particles"] = 1 if self.method == "importance" else 0
        for name, needed in least.items():
            if getattr(self, name) < needed:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}, and must be at least {needed}"
                )

    @classmethod
    def split(cls, options: CompletionOptions) -> tuple["Settings", SweepOptions]:
        """These keywords, and those of the sweep."""
        own = {field.name for field in fields(cls)}
        given: dict[str, Any] = {n: v for n, v in options.items() if n in own}
        rest = cast(SweepOptions, {n: v for n, v in options.items() if n not in own})
        return cls(**given), rest

    @property
    def at_once(self) -> int:
        """Draws of z for each datum that are held at once."""
        is_importance = self.method == "importance"
        return self.num_particles if is_importance else self.num_completions

    def method_for(self, pair: Programs) -> Method:
        """The method for this pair."""
        if self.method != "auto":
            return self.method
        return "metropolis-gibbs" if pair.has_discrete else "hmc"

    def sampler(self, method: Method) -> Run:
        """What draws by this method."""
        if method == "hmc":
            hmc = Hamiltonian(self.num_completions, self.num_steps, self.num_leapfrog)

            def run(pair: Programs, seen: Observation, x: Tensor) -> Any:  # noqa: ANN401
                found, annealed = hmc(pair, seen, x)
                return found, {"annealed": annealed}

            return run
        chosen = (
            Importance(self.num_completions, self.num_particles)
            if method == "importance"
            else Gibbs(method == "metropolis-gibbs", self.num_completions, self.num_steps)
        )
        return lambda pair, seen, x: (chosen(pair, seen, x), {})


completes = spelled_out(CompletionOptions, Sweep, Settings)
"""Decorator of `complete` and its kin: show their options in the signature."""

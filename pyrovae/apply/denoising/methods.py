"""What a pair makes of noisy data, by each method that it allows."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...evaluate.sweep import Sweep
from ...nn.corruption import NoiseModel
from .blocks import given, reconstructed, why_no_posterior
from .posterior import PosteriorSampler
from .restore import restored


@dataclass
class Methods:
    """What was made so far.

    Attributes:
        noise: p(noisy|clean).
        made: By method [N, *data_shape].
        draws: See `Denoised`, as for the next two.
        ess: Of the importance weights.
        left_out: Why there is no posterior.
    """

    noise: NoiseModel
    made: dict[str, Tensor] = field(default_factory=dict)
    draws: Tensor = field(default_factory=lambda: torch.zeros(0))
    ess: Tensor | None = None
    left_out: str = ""

    def take_conditional(self, sweep: Sweep, sampler: PosteriorSampler) -> None:
        """Of a pair of p(clean|noisy), called with both."""
        mean, self.draws = given(sweep, sampler.num_particles, sampler.num_draws)
        self.made |= {"mean given noisy": mean, "one draw": self.draws[0]}

    def take_posterior(self, sweep: Sweep, sampler: PosteriorSampler) -> None:
        """Of a pair of p(x), for the noisy data of a sweep."""
        self.left_out = why_no_posterior(sweep) or ""
        if not self.left_out:
            found = restored(sweep, self.noise, sampler)
            self.draws, self.ess = found.draws, found.ess
            self.made |= {"posterior mean": found.mean, "one draw": found.draws[0]}
        self.made["encode-decode"] = reconstructed(sweep, self.noise, sampler.clip)

"""Steps that depend on the step before through a network."""

import pyro.distributions as dist
import torch
from torch import Tensor, nn

from ...distributions.markov_chain import MarkovChain
from ...nn.sizes import as_size
from .base import StepPosterior


class CombinedSteps(StepPosterior):
    """q(z_t | z_(t-1), x) from (tanh(W z_(t-1) + b) + h_t) / 2, with h_t [H] of the encoder.

    The combiner of Krishnan et al. With the encoder's `direction="backward"` it is their DKS,
    which has the dependences of the exact posterior: z_t on z_(t-1) and the data from t on. More
    flexible than `AffineSteps`; draws go step by step through Python, so that it is slow for
    hundreds of steps. Densities of given z need no loop.

    Args:
        latent_dim: L.
        hidden: H, the number of outputs of the encoder a step.

    Source:
        Structured Inference Networks for Nonlinear State Space Models (Krishnan, Shalit & Sontag,
        2017), sec. 4, https://arxiv.org/abs/1609.09869

    Example:
        >>> form = CombinedSteps(3, hidden=8)
        >>> form(torch.zeros(5, 7, 8)).sample((2,)).shape
        torch.Size([2, 5, 7, 3])
    """

    def __init__(self, latent_dim: int, *, hidden: int = 64) -> None:
        super().__init__(latent_dim)
        self.num_parameters = as_size(hidden, "hidden", "CombinedSteps")
        self.before = nn.Linear(self.latent_dim, self.num_parameters)
        self.head = nn.Linear(self.num_parameters, 2 * self.latent_dim)
        self.start = nn.Parameter(torch.zeros(self.latent_dim))

    def forward(self, params: Tensor, inside: Tensor | None = None) -> dist.TorchDistribution:
        def later(previous: Tensor, steps: slice) -> dist.TorchDistribution:
            return self.step(params[..., steps, :], previous)

        first = self.step(params[..., 0, :], None)
        return MarkovChain(first, later, params.shape[-2], inside)

    def step(self, params: Tensor, previous: Tensor | None) -> dist.TorchDistribution:
        previous = self.start if previous is None else previous
        combined = (torch.tanh(self.before(previous)) + params) / 2
        loc, log_scale = self.head(combined).chunk(2, -1)
        return dist.Normal(loc, log_scale.exp(), validate_args=False).to_event(1)

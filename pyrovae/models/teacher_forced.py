"""Data whose every step is predicted from the steps before it."""

from typing import NoReturn

import pyro.distributions as dist
import torch
from torch import Tensor

from ..errors import ConfigError

Sizes = torch.Size | list[int] | tuple[int, ...]


class TeacherForced(dist.TorchDistribution):
    """prod_t p(x_t | x_1, ..., x_(t-1), z), made for the data that it scores.

    It has a density at these data alone, and so no draws: to draw x takes its own earlier steps.

    Args:
        steps: What the network predicts for each step, event shape [T, D].
        family: Whose data they are, for the message.

    Raises:
        ConfigError: From a draw.
    """

    arg_constraints = {}

    def __init__(self, steps: dist.TorchDistribution, family: str) -> None:
        self.steps, self.family = steps, family
        super().__init__(steps.batch_shape, steps.event_shape, validate_args=False)

    @property
    def support(self) -> torch.distributions.constraints.Constraint | None:
        return self.steps.support

    @property
    def mean(self) -> Tensor:
        """The prediction of each step from the steps before it."""
        return self.steps.mean

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "TeacherForced":
        return TeacherForced(self.steps.expand(torch.Size(batch_shape)), self.family)

    def log_prob(self, value: Tensor) -> Tensor:
        return self.steps.log_prob(value)

    def sample(self, sample_shape: Sizes = ()) -> NoReturn:
        raise ConfigError(
            f"the data of a {self.family} depend on their own earlier steps, so that x cannot be "
            "drawn given z alone; draw with generate(n) or forecast(x, horizon), or take a "
            "DeepMarkovModel for what simulates data from the program"
        )

"""What the families of time series share: forecasts by a particle filter, and smoothing."""

from abc import abstractmethod
from typing import Any

import pyro.distributions as dist
import torch
from torch import Tensor

from ..errors import ConfigError
from ..nn.sizes import as_size
from .any_data import as_of, takes_any_data
from .base import (
    Family,
    Latent,
    evaluated,
    evaluated_outside_programs,
    latent_of,
    mean_or_draw,
)
from .guided_filter import Advance, Filtered, State, guided_filter
from .sequence_data import Steps


class Forecaster(Family):
    """Base of the families of time series x [B, T, D].

    A subclass says how particles begin and go on.
    """

    @classmethod
    def example_x(cls, n: int = 24) -> Tensor:
        """Sequences [N, 5, 2], for tests and documentation."""
        return torch.randn(n, 5, 2, generator=torch.Generator().manual_seed(0))

    def example_y(self, x: Tensor) -> Tensor:
        """Lengths of sequences x [N, T, D]."""
        return 1 + torch.arange(len(x), device=x.device) % x.shape[1]

    def num_observed(self, x: Tensor, y: Tensor) -> float:
        """Mean number of observed values of a sequence, for x [N, T, D] and its y."""
        known = self._steps(x, y, "num_observed").observed
        return x[0].numel() if known is None else float(known.sum()) / len(x)

    @abstractmethod
    def begin(self, data: Steps, num_particles: int) -> Advance:
        """What draws and weighs the steps of K particles given the data."""

    @abstractmethod
    def ahead(self, state: State) -> tuple[Tensor, State]:
        """A draw of the next x [K, B, D], and the state of the particles after it."""

    @abstractmethod
    def _encoded(self, data: Steps) -> dist.TorchDistribution:
        """q(z|x), event shape [T, L]."""

    @abstractmethod
    def _emitted(self, z: Tensor, data: Steps) -> dist.TorchDistribution:
        """p(x|z), event shape [T, D], for z [..., B, T, L]."""

    @abstractmethod
    def _steps(self, x: Tensor, y: Tensor | None, method: str) -> Steps:
        """Checked data."""

    @takes_any_data
    @evaluated_outside_programs
    def encode(self, x: Tensor, y: Any = None) -> dist.TorchDistribution:  # noqa: ANN401
        """The distribution q(z|x), batch shape [B], event shape [T, L]: the smoothed states.

        Args:
            x: Data [B, T, D], of any kind that `pyrovae.data.rows` takes.
            y: Their lengths [B], or their mask [B, T, D], where it was built for one.
        """
        return self._encoded(self._steps(x, y, "encode"))

    @takes_any_data
    @evaluated
    @torch.no_grad()
    def reconstruct(
        self,
        x: Tensor,
        y: Any = None,  # noqa: ANN401
        *,
        mean: bool = True,
        latent: Latent = "sample",  # noqa: ANN401
    ) -> Tensor:
        """Encode x and decode it again: the mean of p(x|z), or a draw from it [B, T, D].

        Steps beyond the end of a sequence are zeros.

        Args:
            x: Data [B, T, D], of any kind that `pyrovae.data.rows` takes.
            y: See `encode`.
            mean: The mean of p(x|z), of each step given those before it where it depends on them;
                else a draw.
            latent: z is a draw from q(z|x), "sample", or its mean, "mean".

        Raises:
            ConfigError: The mean of q(z|x) is not known in closed form.
        """
        data = self._steps(x, y, "reconstruct")
        z = latent_of(self._encoded(data), latent)
        made = mean_or_draw(self._emitted(z, data), mean)
        return made if data.inside is None else made * data.inside.unsqueeze(-1)

    @evaluated
    @torch.no_grad()
    def filter(self, x: Tensor, y: Tensor | None = None, *, num_particles: int = 1000) -> Filtered:
        """Particles of p(z_T | x), with an estimate of log p(x): see `guided_filter`.

        Args:
            x: Data [B, T, D].
            y: Their lengths or their mask, where the family was built for one.
            num_particles: K.
        """
        count = as_size(num_particles, "num_particles", f"{type(self).__name__}.filter")
        data = self._given(x, y, "filter")
        return guided_filter(self.begin(data, count), x.shape[1], data.inside)

    @evaluated
    @torch.no_grad()
    def forecast(
        self,
        x: Tensor,
        horizon: int,
        y: Tensor | None = None,
        *,
        num_samples: int = 1000,
        at_once: int = 2**20,
    ) -> Tensor:
        """Draws of the steps after the end of each sequence [S, B, H, D].

        Of p(x_(T+1), ..., x_(T+H) | x_1, ..., x_T) under the model. The states at the end are
        found by a particle filter with S particles that the guide proposes and importance weights
        correct. So the error of the guide does not reach the forecast, if S is large enough:
        `filter(x).ess` tells. Quantiles over the draws are the forecast's intervals.

        Args:
            x: Data [B, T, D].
            horizon: H.
            y: Their lengths, after which the forecasts begin, or their mask.
            num_samples: S.
            at_once: Values that are drawn at once, in rows of the batch.

        Raises:
            ConfigError: `horizon` or `num_samples` is below one.
        """
        where = f"{type(self).__name__}.forecast"
        horizon = as_size(horizon, "horizon", where)
        count = as_size(num_samples, "num_samples", where)
        whole = self._given(x, y, "forecast")
        x, y = whole.x, whole.lengths if whole.mask is None else whole.mask
        rows = max(1, at_once // (count * max(x[0].numel(), 1)))
        parts = []
        for start in range(0, len(x), rows):
            place = slice(start, start + rows)
            data = self._steps(x[place], None if y is None else y[place], "forecast")
            found = guided_filter(self.begin(data, count), x.shape[1], data.inside)
            state, drawn = found.state, []
            for _ in range(horizon):
                made, state = self.ahead(state)
                drawn.append(made)
            parts.append(torch.stack(drawn, -2))
        return torch.cat(parts, 1)

    def _given(self, x: Tensor, y: Tensor | None, method: str) -> Steps:
        """Checked data on the device of the family, and of its type."""
        where = f"{type(self).__name__}.{method}"
        given = [x] if y is None else [x, y]
        if not all(isinstance(each, Tensor) for each in given):
            kinds = ", ".join(type(each).__name__ for each in given)
            raise ConfigError(f"{where} takes tensors, x [B, T, D] and its y, and got {kinds}")
        x, *rest = as_of(self, given, where)
        return self._steps(x, rest[0] if rest else None, method)

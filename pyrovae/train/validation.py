"""The bound over all validation data, in nats per datum."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyro
import torch
from torch import Tensor, nn

from ..capture import CapturedCall, StaticKey
from ..data import BatchSource
from ..errors import DataError, NonFiniteError
from ..objectives.objective import Objective
from ..particles.arguments import names_of
from ..particles.isolation import isolated
from ..particles.modes import evaluating
from ..particles.non_finite import (
    WAY_OUT,
    NonFinite,
    find_non_finite,
    makes_non_finite,
)
from ..particles.own_parameters import own_parameters
from ..particles.tracing import Program
from ..runtime.distributed import Team
from ..runtime.random_state import kept_random_state, seed_generators
from .loss_scale import LossScale
from .ranks.shard import Sharding
from .step.diagnosis import cause_of, is_of_a_distribution


@dataclass(frozen=True)
class Validation:
    """An objective over all data of a source, with the same noise in every call; no penalties.

    An objective of Pyro's own counts a penalty as a factor of the model.

    Networks are in evaluation mode meanwhile. Random state, modes and running statistics are
    restored afterwards. Several ranks share every batch.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        objective: Any `pyro.infer.ELBO`.
        source: Validation data, not shuffled.
        networks: Those that the pair runs.
        loss_scale: By which losses become nats per datum.
        seed: Of the noise.
        device: Where the batches go.
        team: Ranks that share the work.
        compile: Run it as a graph, captured by `prepare`. A smaller last batch runs eagerly, and
            so do all batches where several ranks share them.
    """

    model: Program
    guide: Program
    objective: Objective
    source: BatchSource
    networks: Sequence[nn.Module]
    loss_scale: LossScale
    seed: int
    device: torch.device
    team: Team = field(default_factory=Team)
    compile: bool = False

    def __call__(self) -> float:
        """The bound in nats per datum, a mean over all data.

        Raises:
            DataError: NaN or infinity in the data makes it so.
            NonFiniteError: A distribution refuses a value that the pair makes of the data.
        """
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        rows = 0
        sharding = Sharding(self.team, self.loss_scale, self.objective)
        with self._conditions():
            for batch in self._batches():
                scale, data = self.loss_scale(batch)
                shard = sharding(batch)
                with shard.noise, self._explained(batch, rows):
                    loss = self._captured(*shard.rows) if self.is_compiled else None
                    loss = self._loss(*shard.rows) if loss is None else loss
                if shard.weight:
                    total += shard.weight * loss / scale
                rows += data
        self.team.sum(total)
        if not bool(total.isfinite()):
            self._check_data()
        return -float(total) / rows

    @contextmanager
    def _explained(self, batch: Sequence[Tensor], start: int) -> Iterator[None]:
        """Within this context a distribution's refusal of a value says where it came from."""
        try:
            yield
        except ValueError as error:
            if not is_of_a_distribution(error):
                raise
            bad = self._non_finite(batch, start)
            if bad is not None:
                raise DataError(f"fit: val: {bad} ({cause_of(error)}); {WAY_OUT}") from error
            raise NonFiniteError(
                f"fit: the validation of rows {start} to {start + len(batch[0]) - 1} failed: "
                f"{cause_of(error)}; are they like the training data, and of one scale?"
            ) from error

    def _check_data(self) -> None:
        """Refuse data that make the bound infinite or NaN."""
        start = 0
        for batch in self._batches():
            bad = self._non_finite(batch, start)
            if bad is not None and makes_non_finite(self.model, self.guide, batch):
                raise DataError(f"fit: val: {bad}; {WAY_OUT}")
            start += len(batch[0])

    def _non_finite(self, batch: Sequence[Tensor], start: int) -> NonFinite | None:
        return find_non_finite(batch, names_of(self.model, len(batch)), start)

    def prepare(self) -> None:
        """Compile before the first call, so that all calls go through the same graph.

        The data are validated by the pair here, and not again.
        """
        if not self.is_compiled:
            return
        with self._conditions():
            start = 0
            for batch in self._batches():
                with self._explained(batch, start):
                    self._loss(*batch)
                start += len(batch[0])
        with self._conditions():
            first = next(self._batches())
            self._captured.prepare(first, [tensor.flip(0) for tensor in first])

    @property
    def compile_seconds(self) -> float:
        """Time spent on capturing and compiling."""
        return self._captured.seconds

    @property
    def is_compiled(self) -> bool:
        """Whether batches go through a graph."""
        return self.compile and self.team.alone

    @contextmanager
    def _conditions(self) -> Iterator[None]:
        with isolated(), evaluating(self.networks), torch.no_grad(), own_parameters():
            seed_generators(self.seed)
            yield

    def _batches(self) -> Iterator[tuple[Tensor, ...]]:
        with kept_random_state():  # a loader draws as it starts
            stream = self.source.epoch(0)
        for batch in stream:
            yield tuple(tensor.to(self.device) for tensor in batch)

    def _loss(self, *batch: Tensor) -> float | Tensor:
        return self.objective.bound_loss(self.model, self.guide, *batch)

    @cached_property
    def _captured(self) -> CapturedCall:
        return CapturedCall(self._graphed_loss, "the validation", static=self._static)

    def _graphed_loss(self, *batch: Tensor) -> float | Tensor:
        """The same in tensors alone."""
        with pyro.validation_enabled(False):
            return self.objective.captured_bound_loss(self.model, self.guide, *batch)

    def _static(self) -> Any:  # noqa: ANN401
        return self._attributes.key(), getattr(self.objective, "num_particles", None)

    @cached_property
    def _attributes(self) -> StaticKey:
        inner = [module for network in self.networks for module in network.modules()]
        return StaticKey(vars(owner) for owner in (self.objective.as_given, *inner))

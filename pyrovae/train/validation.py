"""Bounds in nats per datum: of a training batch's loss, and over all validation data."""

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
from ..objectives.objective import Objective
from ..particles.isolation import isolated
from ..particles.modes import evaluating
from ..particles.own_parameters import own_parameters
from ..particles.tracing import Program
from ..runtime.distributed import Team
from .loss_scale import LossScale
from .ranks.shard import Sharding


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
        """The bound in nats per datum, a mean over all data."""
        total = torch.zeros((), dtype=torch.float64, device=self.device)
        rows = 0
        sharding = Sharding(self.team, self.loss_scale, self.objective)
        with self._conditions():
            for batch in self._batches():
                scale, data = self.loss_scale(batch)
                shard = sharding(batch)
                with shard.noise:
                    loss = self._captured(*shard.rows) if self._is_compiled else None
                    loss = self._loss(*shard.rows) if loss is None else loss
                if shard.weight:
                    total += shard.weight * loss / scale
                rows += data
        self.team.sum(total)
        return -float(total) / rows

    def prepare(self) -> None:
        """Compile before the first call, so that all calls go through the same graph.

        The data are validated by the pair here, and not again.
        """
        if not self._is_compiled:
            return
        with self._conditions():
            for batch in self._batches():
                self._loss(*batch)
        with self._conditions():
            first = next(self._batches())
            self._captured.prepare(first, [tensor.flip(0) for tensor in first])

    @property
    def compile_seconds(self) -> float:
        """Time spent on capturing and compiling."""
        return self._captured.seconds

    @property
    def _is_compiled(self) -> bool:
        return self.compile and self.team.alone

    @contextmanager
    def _conditions(self) -> Iterator[None]:
        with isolated(), evaluating(self.networks), torch.no_grad(), own_parameters():
            pyro.set_rng_seed(self.seed)
            yield

    def _batches(self) -> Iterator[tuple[Tensor, ...]]:
        for batch in self.source.epoch(0):
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


def first_loss(loss: Any) -> float | Tensor:  # noqa: ANN401
    """The model's loss, where an objective has one for the model and one for the guide."""
    return loss[0] if isinstance(loss, tuple) else loss

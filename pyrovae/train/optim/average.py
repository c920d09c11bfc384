"""An exponential moving average of a pair's parameters."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ...errors import CheckpointError, ConfigError
from .rates import finite


class WeightAverage:
    """Averages parameters over the steps of a run, as torch's `AveragedModel` does.

    The first update copies the parameters; each later one moves the average by `1 - decay` of the
    way to them. Buffers are not averaged.

    Args:
        decay: Weight of the average in each step, in [0, 1).

    Attributes:
        values: The averages by the names of the parameters; empty before the first update.

    Raises:
        ConfigError: `decay` is out of range.

    Source:
        Acceleration of stochastic approximation by averaging (Polyak and Juditsky, 1992),
        https://doi.org/10.1137/0330046; with exponential weights as in `torch.optim.swa_utils`.
    """

    def __init__(self, decay: float) -> None:
        self.decay = finite(decay, "ema")
        if self.decay >= 1:
            raise ConfigError(f"ema={decay}, needs a number in [0, 1), such as 0.999")
        self._move = get_ema_multi_avg_fn(self.decay)
        self.values: dict[str, Tensor] = {}
        self._leaves: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, leaves: Mapping[str, Tensor]) -> None:
        """Take in the parameters after a step; those that are new begin at their values."""
        by_kind: dict[tuple[torch.device, torch.dtype], tuple[list[Tensor], list[Tensor]]] = {}
        for name, leaf in leaves.items():
            if name not in self.values:
                self.values[name] = leaf.detach().clone()
                self._leaves[name] = leaf
                continue
            averages, current = by_kind.setdefault((leaf.device, leaf.dtype), ([], []))
            averages.append(self.values[name])
            current.append(leaf)
        for averages, current in by_kind.values():
            self._move(averages, current, 0)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within this context the parameters have the values of the averages."""
        kept = {name: leaf.detach().clone() for name, leaf in self._leaves.items()}
        self.apply()
        try:
            yield
        finally:
            self._write(kept)

    def apply(self) -> None:
        """Give the parameters the values of the averages, for good."""
        self._write(self.values)

    def restore(self, values: Mapping[str, Tensor], leaves: Mapping[str, Tensor]) -> None:
        """Continue from averages that were saved, by the names of these leaves."""
        self._leaves = dict(leaves)
        self.values = {
            name: torch.empty_like(leaf, requires_grad=False).copy_(values[name])
            for name, leaf in leaves.items()
        }

    @torch.no_grad()
    def _write(self, values: Mapping[str, Tensor]) -> None:
        for name, leaf in self._leaves.items():
            leaf.copy_(values[name])


def check_average(average: WeightAverage | None, decay: object) -> None:
    """Refuse the checkpoint of a run whose weights are averaged in another way.

    Raises:
        CheckpointError: They are.
    """
    here = None if average is None else average.decay
    if decay != here or isinstance(decay, bool):
        raise CheckpointError(
            f"the run in the checkpoint has ema={str(decay)[:60]}, this one has ema={here}; "
            "resume with the first value, or start in another run_dir"
        )

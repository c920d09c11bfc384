"""What a pair is made of, found by one run of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ..runtime.grad_mode import for_gradients, gradients_on
from .isolation import isolated
from .own_parameters import own_parameters
from .parameters import buffers_in, leaves_in, roots_of
from .traces import Recording, recordings
from .tracing import Pair, Program


@dataclass(frozen=True)
class Inventory:
    """What a pair is made of.

    Attributes:
        leaves: Parameters by name, as `pyrovae.trainable` gives them.
        buffers: Buffers by name, as `pyrovae.buffers` gives them.
        networks: The outermost networks that the pair runs.
    """

    leaves: dict[str, Tensor]
    buffers: dict[str, Tensor]
    networks: list[nn.Module]

    @property
    def tensors(self) -> list[Tensor]:
        """All parameters and buffers."""
        return [*self.leaves.values(), *self.buffers.values()]


def take_inventory(
    model: Program, guide: Program, batch: Sequence[Any]
) -> tuple[Inventory, tuple[Recording, Recording]]:
    """Run a pair once on a batch, without side effects.

    Returns:
        What the pair is made of, and what guide and model recorded in the run.

    Raises:
        ParameterError: See `pyrovae.trainable`.
    """
    args: tuple[Any, ...] = for_gradients(tuple(batch))
    with isolated(), own_parameters(), gradients_on():
        with isolated() as ran:
            traces = Pair(model, guide, args, {}).trace()
        leaves = leaves_in(traces, args)
    roots = roots_of(model, guide)
    networks = [*roots, *ran]
    return Inventory(leaves, buffers_in(traces, roots, ran), networks), recordings(traces)

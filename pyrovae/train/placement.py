"""Find the tensors of a pair and bring them to a device, each staying the tensor it is."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyro
import torch
from torch import Tensor, nn

from ..objectives.objective import Objective
from ..particles.device import to_device_of
from ..particles.isolation import isolated
from ..particles.parameters import buffers, trainable
from ..particles.tracing import Pair, Program


@dataclass(frozen=True)
class Placed:
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
        return [*self.leaves.values(), *self.buffers.values()]


def place(model: Program, guide: Program, batch: Sequence[Tensor], device: torch.device) -> Placed:
    """Run the pair on a batch, without side effects, and move what it is made of to `device`.

    Raises:
        ParameterError: The pair declares no parameter, or computes with one that it does not
            declare.
    """
    # A pair may lie on the CPU still, or on the device already.
    with pyro.validation_enabled(False):  # a pair that is at NaN may be about to resume
        at_home = to_device_of(model, guide, batch)
        placed = Placed(
            trainable(model, guide, *at_home),
            buffers(model, guide, *at_home),
            _networks(model, guide, at_home),
        )
    for tensor in placed.tensors:
        tensor.grad = None
        tensor.data = tensor.data.to(device)
    return placed


def place_objective(objective: Objective, device: torch.device) -> None:
    """Move the networks of an objective to `device`, each tensor staying the one it is."""
    for network in networks_of(objective).values():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.data = tensor.data.to(device)


def networks_of(objective: Objective) -> dict[str, nn.Module]:
    """Networks of the objective itself, by name."""
    return objective.networks


def leaves_of(objective: Objective) -> dict[str, Tensor]:
    """Their trainable parameters, by the names under which a step declares them."""
    return objective.leaves()


def _networks(model: Program, guide: Program, batch: Sequence[Tensor]) -> list[nn.Module]:
    with isolated() as ran, torch.no_grad():
        Pair(model, guide, tuple(batch), {}).trace()
    owners = [getattr(program, "__self__", program) for program in (model, guide)]
    return [owner for owner in owners if isinstance(owner, nn.Module)] + ran

"""Find the tensors of a pair and of an objective, and move them to a device in place."""

from collections.abc import Sequence

import pyro
import torch
from torch import Tensor

from ..objectives.objective import Objective
from ..particles.device import to_device_of
from ..particles.inventory import Inventory, take_inventory
from ..particles.traces import Recording
from ..particles.tracing import Program


def place(
    model: Program, guide: Program, batch: Sequence[Tensor], device: torch.device
) -> tuple[Inventory, tuple[Recording, Recording]]:
    """Run the pair once on a batch, without side effects, and move its tensors to `device`.

    Each tensor stays the same object. Gradients are removed.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        batch: On any device; the pair may be on the CPU or on `device` already.
        device: Where the tensors go.

    Returns:
        See `take_inventory`.

    Raises:
        ParameterError: The pair declares no parameter, or computes with one that it does not
            declare.
    """
    with pyro.validation_enabled(False):  # a pair at NaN may be about to resume
        inventory, run = take_inventory(model, guide, to_device_of(model, guide, batch))
    for tensor in inventory.tensors:
        tensor.grad = None
        tensor.data = tensor.data.to(device)
    return inventory, run


def place_objective(objective: Objective, device: torch.device) -> None:
    """Move the networks of an objective to `device`; each tensor stays the same object."""
    for network in objective.networks.values():
        for tensor in (*network.parameters(), *network.buffers()):
            tensor.data = tensor.data.to(device)

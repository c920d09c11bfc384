"""Ranks begin a run, and each of its epochs, from the same state."""

import zlib
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ...data import BatchSource
from ...objectives.objective import Objective
from ...particles.inventory import Inventory
from ...runtime.distributed import Team
from ...runtime.random_state import restore_random_state, save_random_state


def check_same_run(team: Team, source: BatchSource, first: Sequence[Tensor], epochs: int) -> None:
    """Refuse ranks that were called with different data or for different numbers of steps.

    Raises:
        RanksError: They were.
    """
    if team.alone:
        return
    sizes = {"data": source.num_data, "batches": len(source), "epochs": epochs}
    team.check_equal("run to make", sizes, "call fit with the same arguments on every rank")
    checksums = [zlib.crc32(bytes(t.cpu().contiguous().view(torch.uint8).numpy())) for t in first]
    team.check_equal(
        "first batch (checksums)",
        checksums,
        "every rank needs all the data, in the same order: seed what is drawn of them, and give a "
        "DataLoader no DistributedSampler, fit cuts the batches itself",
    )


def synchronise(team: Team, inventory: Inventory, objective: Objective) -> None:
    """Give every rank the parameters and buffers of the first, and its objective's state.

    Raises:
        RanksError: The ranks hold another pair, or another objective.
    """
    if team.alone:
        return
    state = objective.state_dict()
    kinds = [
        {name: (str(tensor.dtype), list(tensor.shape)) for name, tensor in tensors.items()}
        for tensors in (inventory.leaves, inventory.buffers, state)
    ]
    team.check_equal(
        "pair", [list(kind.items()) for kind in kinds], "build the same pair on every rank"
    )
    team.copy_first([*inventory.tensors, *state.values()])


def synchronise_random_state(team: Team) -> None:
    """Give every rank the random state of the first."""
    if team.alone:
        return
    first = team.from_first(save_random_state)
    cuda = dict(first.cuda)
    if torch.cuda.is_initialized() and 0 in cuda:
        cuda[torch.cuda.current_device()] = cuda[0]  # each rank's own device follows the first's
    restore_random_state(replace(first, cuda=cuda))

"""The state of a pair's optimiser as tensors by name and plain numbers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import CheckpointError
from .optimizer import JointOptimizer


def save_optimizer(optimizer: JointOptimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Moments and the like as tensors "<parameter>/<key>"; the rest as plain numbers.

    Raises:
        CheckpointError: The optimiser keeps something that is neither tensor nor plain number.
    """
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, Any]] = {}
    names = _names(optimizer)
    state = _torch(optimizer).state_dict()
    for index, entries in state["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{names[index]}/{key}"] = value
            else:
                scalars.setdefault(names[index], {})[key] = _plain(key, value)
    groups = [
        {
            "params": [names[index] for index in group["params"]],
            "options": {k: _plain(k, v) for k, v in group.items() if k != "params"},
        }
        for group in state["param_groups"]
    ]
    kind = type(_torch(optimizer)).__name__
    return tensors, {"kind": kind, "groups": groups, "scalars": scalars}


def restore_optimizer(
    optimizer: JointOptimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> None:
    """Put back what `save_optimizer` gave.

    Raises:
        CheckpointError: The optimiser is of another kind, or groups the parameters otherwise.
    """
    check_optimizer(optimizer, numbers)
    names, target = _names(optimizer), _torch(optimizer)
    current = target.state_dict()
    leaves = [leaf for group in target.param_groups for leaf in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for index, name in enumerate(names):
        entries = dict(numbers["scalars"].get(name, {}))
        prefix = f"{name}/"
        for full, tensor in tensors.items():
            if full.startswith(prefix) and "/" not in full.removeprefix(prefix):
                entries[full.removeprefix(prefix)] = _laid_out_as(leaves[index], tensor)
        if entries:
            state[index] = entries
    groups = []
    for here, there in zip(current["param_groups"], numbers["groups"], strict=True):
        options = {k: _in_kind(here.get(k), v) for k, v in there["options"].items()}
        groups.append({**here, **options})
    target.load_state_dict({"state": state, "param_groups": groups})


def check_optimizer(optimizer: JointOptimizer, numbers: Mapping[str, Any]) -> None:
    """Whether saved numbers belong to an optimiser of this kind; `CheckpointError` if not."""
    names, target = _names(optimizer), _torch(optimizer)
    here = [[names[i] for i in group["params"]] for group in target.state_dict()["param_groups"]]
    there = [group["params"] for group in numbers["groups"]]
    if (type(target).__name__, here) != (numbers["kind"], there):
        raise CheckpointError(
            f"the checkpoint holds the state of a {numbers['kind']} with {len(there)} parameter "
            f"groups, the run has a {type(target).__name__} with {len(here)}; resume with the "
            "optimiser of the first run, or start in another run_dir"
        )


def _torch(optimizer: JointOptimizer) -> torch.optim.Optimizer:
    if optimizer.torch is None:
        raise CheckpointError("the optimiser has no parameters yet; take a step first")
    return optimizer.torch


def _names(optimizer: JointOptimizer) -> list[str]:
    """Name of each tensor of the optimiser, in its order; a place for what is not the pair's."""
    names = {id(leaf): name for name, leaf in optimizer.leaves.items()}
    held = [leaf for group in _torch(optimizer).param_groups for leaf in group["params"]]
    return [names.get(id(leaf), f"#{index}") for index, leaf in enumerate(held)]


def _plain(key: str, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(key, part) for part in value]
    raise CheckpointError(
        f"the optimiser keeps a {type(value).__name__} under '{key}', and checkpoints hold "
        "tensors and plain numbers; train without run_dir, or use another optimiser"
    )


def _in_kind(here: Any, value: Any) -> Any:  # noqa: ANN401
    if isinstance(here, Tensor):
        return here.fill_(value)
    return tuple(value) if isinstance(here, tuple) else value


def _laid_out_as(leaf: Tensor, tensor: Tensor) -> Tensor:
    """`tensor` with the memory format of the parameter, as the optimiser had made it."""
    if tensor.shape != leaf.shape:
        return tensor
    return torch.empty_like(leaf, dtype=tensor.dtype, device=tensor.device).copy_(tensor)

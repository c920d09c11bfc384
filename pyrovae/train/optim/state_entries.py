"""The entries of an optimiser's state, by the names of its parameters."""

from collections.abc import Mapping
from reprlib import repr as short
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from ...errors import CheckpointError
from ...runtime.fields import table
from .joint import JointOptimizer

# Options that choose how torch computes a step. A resumed run takes its own.
IMPLEMENTATION = {"foreach", "fused", "capturable", "differentiable"}


def torch_of(optimizer: JointOptimizer) -> Optimizer:
    """The torch optimiser.

    Raises:
        CheckpointError: It has no parameters yet.
    """
    if optimizer.torch is None:
        raise CheckpointError("the optimiser has no parameters yet; take a step first")
    return optimizer.torch


def names_of(optimizer: JointOptimizer) -> list[str]:
    """Name of each tensor of the optimiser, in its order; "#place" for one of no pair."""
    names = {id(leaf): name for name, leaf in optimizer.leaves.items()}
    held = [leaf for group in torch_of(optimizer).param_groups for leaf in group["params"]]
    return [names.get(id(leaf), f"#{index}") for index, leaf in enumerate(held)]


def state_by_leaf(
    optimizer: JointOptimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Saved state of each tensor of the optimiser, in its order.

    Raises:
        CheckpointError: There is a state of another tensor.
    """
    names, scalars = names_of(optimizer), table(numbers, "scalars")
    found = {name: dict(table(scalars, name)) if name in scalars else {} for name in names}
    unknown = scalars.keys() - found.keys()
    for full, tensor in tensors.items():
        name, _, key = full.rpartition("/")
        if name in found and key not in found[name]:
            found[name][key] = tensor
        else:
            unknown.add(full)
    if unknown:
        raise CheckpointError(
            f"the checkpoint holds a state of {short(sorted(unknown))}, and the run has none"
        )
    return [found[name] for name in names]


def plain(key: str, value: Any) -> Any:  # noqa: ANN401
    """A value as JSON can hold it.

    Raises:
        CheckpointError: It cannot.
    """
    if isinstance(value, Tensor) and value.numel() == 1:
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [plain(key, part) for part in value]
    raise CheckpointError(
        f"the optimiser keeps a {type(value).__name__} under '{key}', and checkpoints hold "
        "tensors and plain numbers; train without run_dir, or use another optimiser"
    )

"""The state of a pair's optimiser as tensors by name and plain numbers."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .joint import JointOptimizer, as_given
from .state_check import check_optimizer
from .state_entries import IMPLEMENTATION, names_of, plain, state_by_leaf, torch_of

# What schedulers of torch add to groups; they are made anew when a run is resumed.
_ADDED = {"params", "max_lr", "min_lr", "max_momentum", "base_momentum", "swa_lr"}


def save_optimizer(optimizer: JointOptimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Moments and other tensors as "<parameter>/<key>"; the rest as plain numbers.

    Raises:
        CheckpointError: The optimiser keeps something that is neither tensor nor plain number.
    """
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, Any]] = {}
    names = names_of(optimizer)
    state = torch_of(optimizer).state_dict()
    for index, entries in state["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{names[index]}/{key}"] = value
            else:
                scalars.setdefault(names[index], {})[key] = plain(key, value)
    groups = [
        {
            "params": [names[index] for index in group["params"]],
            "options": {k: plain(k, v) for k, v in group.items() if k in given or k not in _ADDED},
            "given": {k: plain(k, v) for k, v in given.items()},
        }
        for group, given in zip(state["param_groups"], optimizer.given, strict=True)
    ]
    kind = type(torch_of(optimizer)).__name__
    return tensors, {"kind": kind, "groups": groups, "scalars": scalars}


def restore_optimizer(
    optimizer: JointOptimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> None:
    """Restore what `save_optimizer` gave, with the learning rate of this run.

    Where this run is given another rate than the first run was, the new one holds; a rate that has
    changed since the start is changed in proportion.

    Raises:
        CheckpointError: See `check_optimizer`.
    """
    check_optimizer(optimizer, tensors, numbers)
    target = torch_of(optimizer)
    leaves = [leaf for group in target.param_groups for leaf in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for index, held in enumerate(state_by_leaf(optimizer, tensors, numbers)):
        if held:
            state[index] = {
                key: _in_format_of(leaves[index], value) if isinstance(value, Tensor) else value
                for key, value in held.items()
            }
    groups = []
    current = target.state_dict()["param_groups"]
    is_used = bool(target.state)
    for here, there, given in zip(current, numbers["groups"], optimizer.given, strict=True):
        kept = {k: v for k, v in there["options"].items() if k not in IMPLEMENTATION}
        rate = _with_rate(kept, here, there["given"], given, is_used)
        options = {**here, **{k: _in_type_of(here.get(k), v) for k, v in kept.items()}}
        groups.append(options)
        given.update(rate)
    target.load_state_dict({"state": state, "param_groups": groups})


def _with_rate(
    options: dict[str, Any],
    here: Mapping[str, Any],
    begun: Mapping[str, Any],
    given: Mapping[str, Any],
    is_used: bool,
) -> dict[str, Any]:
    """Set the rates among saved options; gives the rate that counts as given from now on.

    Args:
        options: Saved options, which change.
        here: Options of this run's optimiser.
        begun: Options that the first run was given.
        given: Options that this run was given.
        is_used: Whether this run's optimiser has taken steps.
    """
    if "lr" not in options:
        return {}
    first, now = begun["lr"], given["lr"]
    base = options.get("initial_lr", options["lr"])
    if is_used and as_given(here)["lr"] == base:
        now = first  # the same optimiser, which has taken the steps of this state
    if now != first:
        options["lr"] = now if options["lr"] == first or not first else options["lr"] * now / first
        base = now
    if "initial_lr" in options:
        if "initial_lr" in here:
            options["initial_lr"] = base
        else:  # a schedule set the rate, and this run's, if any, starts from the base rate
            options["lr"] = base
            del options["initial_lr"]
    return {"lr": now}


def _in_type_of(here: Any, value: Any) -> Any:  # noqa: ANN401
    if isinstance(here, Tensor):
        return here.fill_(value)
    return tuple(value) if isinstance(here, tuple) else value


def _in_format_of(leaf: Tensor, tensor: Tensor) -> Tensor:
    """`tensor` with the memory format of the parameter, as the optimiser had made it."""
    if tensor.shape != leaf.shape:
        return tensor
    return torch.empty_like(leaf, dtype=tensor.dtype, device=tensor.device).copy_(tensor)

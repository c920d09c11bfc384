"""One torch optimiser over all leaves from a `pyro.optim` wrapper, and the state that it loads."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pyro.optim import PyroLRScheduler, PyroOptim
from pyro.params import module_from_param_with_module_name, user_param_name
from pyro.params.param_store import normalize_param_name
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

Made = Optimizer | LRScheduler | ReduceLROnPlateau
"""What a wrapper keeps: a torch optimiser, or the scheduler around it."""


def is_scheduled(made: Made) -> bool:
    """Whether it is the scheduler around an optimiser."""
    return isinstance(made, (LRScheduler, ReduceLROnPlateau))


def optimizer_in(made: Made) -> Optimizer:
    """The torch optimiser itself."""
    return cast(Any, made).optimizer if is_scheduled(made) else cast(Optimizer, made)


def parameter_groups(wrapper: PyroOptim, leaves: Mapping[str, Tensor]) -> list[dict[str, Any]]:
    """Parameter groups: one, or one per leaf where the wrapper's options are a function."""
    if not callable(wrapper.pt_optim_args):
        return [{"params": list(leaves.values())}]
    options = wrapper.pt_optim_args
    groups = []
    for name, leaf in leaves.items():
        if len(inspect.signature(options).parameters) == 1:
            chosen = options(normalize_param_name(name))
        else:
            chosen = options(module_from_param_with_module_name(name), user_param_name(name))
        groups.append({"params": [leaf], **chosen})
    return groups


def construct(wrapper: PyroOptim, groups: list[dict[str, Any]]) -> Made:
    """The wrapper's torch optimiser, or the scheduler around it, over all groups."""
    shared = {} if callable(wrapper.pt_optim_args) else wrapper.pt_optim_args
    made = cast(Any, wrapper.pt_optim_constructor)(groups, **shared)
    if isinstance(wrapper, PyroLRScheduler):
        return wrapper.pt_scheduler_constructor(made, **wrapper.kwargs)
    return made


def load_waiting_state(wrapper: PyroOptim, made: Made, names: Sequence[str]) -> None:
    """Restore the state that `PyroOptim.load` has read and not yet given to an optimiser.

    Args:
        wrapper: Which was told to load.
        made: Its optimiser over all leaves.
        names: Of the leaves, in the order of the optimiser.
    """
    waiting = wrapper._state_waiting_to_be_consumed
    # Pyro has no name for the network that comes second under a name: its state is under None.
    anchor = next((name for name in (names[0], None) if name in waiting), None)
    if anchor not in waiting:
        return
    parts = [waiting.pop(name, None) for name in (anchor, *names[1:])]
    schedules = []
    if is_scheduled(made):
        schedules = [part and part["scheduler"] for part in parts]
        parts = [part and part["optimizer"] for part in parts]
    optimizer, state = optimizer_in(made), parts[0]
    if sum(len(group["params"]) for group in state["param_groups"]) < len(names):
        state = _joined(optimizer.state_dict(), parts)
        schedules = [_joined_schedule(optimizer, schedules)] if schedules else []
    optimizer.load_state_dict(state)
    if schedules:
        made.load_state_dict(schedules[0])


def _joined(whole: dict[str, Any], parts: list[dict[str, Any] | None]) -> dict[str, Any]:
    """One state from those that Pyro keeps per tensor, in the order of the leaves."""
    for group in whole["param_groups"]:
        part = parts[group["params"][0]]
        if part is not None:
            options = part["param_groups"][0]
            group.update({key: value for key, value in options.items() if key != "params"})
    states = {i: part["state"].get(0) for i, part in enumerate(parts) if part is not None}
    return {**whole, "state": {i: state for i, state in states.items() if state}}


def _joined_schedule(
    optimizer: Optimizer, schedules: list[dict[str, Any] | None]
) -> dict[str, Any]:
    """One state of a scheduler from those per tensor; rates are listed by parameter group."""
    joined = dict(schedules[0] or {})
    firsts = [0]
    for group in optimizer.param_groups[:-1]:
        firsts.append(firsts[-1] + len(group["params"]))
    for key in ("base_lrs", "_last_lr"):
        if key in joined:
            joined[key] = [(schedules[first] or joined)[key][0] for first in firsts]
    return joined

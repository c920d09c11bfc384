"""The state of a pair's optimiser as tensors by name and plain numbers."""

import math
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from reprlib import repr as short
from typing import Any, cast

import torch
from torch import Tensor

from ...errors import CheckpointError
from ...runtime.fields import real, rows, table, tables, text, whole
from ...runtime.random_state import kept_random_state
from .joint import JointOptimizer, as_given

# How a step is computed, not what: a resumed run takes them as it is told.
_MEANS = {"foreach", "fused", "capturable", "differentiable"}
_RATES = {"lr", "initial_lr"}


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
            "given": {k: _plain(k, v) for k, v in given.items()},
        }
        for group, given in zip(state["param_groups"], optimizer.given, strict=True)
    ]
    kind = type(_torch(optimizer)).__name__
    return tensors, {"kind": kind, "groups": groups, "scalars": scalars}


def restore_optimizer(
    optimizer: JointOptimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> None:
    """Put back what `save_optimizer` gave, at the learning rate that the optimiser was made with.

    A rate other than that which the first run began with is taken, in proportion where steps
    have changed it since.

    Raises:
        CheckpointError: See `check_optimizer`.
    """
    check_optimizer(optimizer, tensors, numbers)
    target = _torch(optimizer)
    leaves = [leaf for group in target.param_groups for leaf in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for index, held in enumerate(_by_leaf(optimizer, tensors, numbers)):
        if held:
            state[index] = {
                key: _laid_out_as(leaves[index], value) if isinstance(value, Tensor) else value
                for key, value in held.items()
            }
    groups = []
    current = target.state_dict()["param_groups"]
    is_used = bool(target.state)
    for here, there, given in zip(current, numbers["groups"], optimizer.given, strict=True):
        kept = {k: v for k, v in there["options"].items() if k not in _MEANS}
        rate = _with_rate(kept, here, there["given"], given, is_used)
        options = {**here, **{k: _in_kind(here.get(k), v) for k, v in kept.items()}}
        groups.append(options)
        given.update(rate)
    target.load_state_dict({"state": state, "param_groups": groups})


def check_optimizer(
    optimizer: JointOptimizer,
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Any],
    *,
    steps: int = 0,
) -> None:
    """Whether `restore_optimizer` can take this, after so many steps; nothing changes.

    Raises:
        CheckpointError: The optimiser is of another kind, has other options than the learning
            rate, or groups the parameters otherwise; or this is no state that it could have.
    """
    names, target = _names(optimizer), _torch(optimizer)
    current = target.state_dict()["param_groups"]
    here = [[names[i] for i in group["params"]] for group in current]
    kind, groups = text(numbers, "kind"), tables(numbers, "groups")
    there = [rows(group, "params") for group in groups]
    if (type(target).__name__, here) != (kind, there):
        raise CheckpointError(
            f"the checkpoint holds the state of a {kind[:60]} with {len(there)} parameter groups, "
            f"the run has a {type(target).__name__} with {len(here)}; resume with the optimiser "
            "of the first run, or start in another run_dir"
        )
    for group, saved, given in zip(current, groups, optimizer.given, strict=True):
        _check_options(kind, group, saved, given, is_used=bool(target.state))
    found, expected = _by_leaf(optimizer, tensors, numbers), _after_a_step(target)
    if steps and any(expected) and not any(found):
        raise CheckpointError(
            f"the checkpoint holds nothing of what the {kind} keeps, after {steps} steps of it; "
            "use another checkpoint of the run"
        )
    for name, held, needed in zip(names, found, expected, strict=True):
        if held:  # one that no gradient has reached has none
            _check_state(name, held, needed)


def _check_options(
    kind: str,
    here: Mapping[str, Any],
    saved: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    is_used: bool,
) -> None:
    options, begun = table(saved, "options"), table(saved, "given")
    wanted = {k: _plain(k, v) for k, v in given.items() if k not in _MEANS}
    unknown = (options.keys() | begun.keys() | wanted.keys()) - _MEANS - {"initial_lr"}
    for key in sorted(unknown):
        if not (key in wanted and key in begun and key in options):
            raise CheckpointError(
                f"the option '{key[:40]}' of the {kind} is not one of both the checkpoint and the "
                "run; resume with the optimiser and the versions of the first run"
            )
    for key, value in wanted.items():
        if key in _RATES:
            continue
        now = _plain(key, here[key])
        if not (_alike(value, begun[key]) or (is_used and _alike(now, options[key]))):
            raise CheckpointError(
                f"the run in the checkpoint has a {kind} with {key}={short(begun[key])}, this one "
                f"has {key}={short(value)}; resume with that of the first run, or start in "
                "another run_dir"
            )
        _check_like(f"{kind} {key}", options[key], now)
        if isinstance(value, bool | str) and options[key] != begun[key]:
            raise CheckpointError(
                f"the checkpoint says that {key} of its {kind} was {short(begun[key])} and became "
                f"{short(options[key])}, which no step does; use another checkpoint of the run"
            )
    for key in _RATES & options.keys():
        real(options, key, 0.0)
    if "lr" in begun:
        real(begun, "lr", 0.0)


def _with_rate(
    options: dict[str, Any],
    here: Mapping[str, Any],
    begun: Mapping[str, Any],
    given: Mapping[str, Any],
    is_used: bool,
) -> dict[str, Any]:
    """Set the rates among saved options; gives the one that holds as given from now on."""
    if "lr" not in options:
        return {}
    first, now = begun["lr"], given["lr"]
    base = options.get("initial_lr", options["lr"])
    if is_used and as_given(here)["lr"] == base:
        now = first  # the same optimiser, which went on where it was
    if now != first:
        options["lr"] = now if options["lr"] == first or not first else options["lr"] * now / first
        base = now
    if "initial_lr" in options:
        if "initial_lr" in here:
            options["initial_lr"] = base
        else:  # a schedule set the rate; another one, or none, begins with the whole of it
            options["lr"] = base
            del options["initial_lr"]
    return {"lr": now}


def _check_state(name: str, held: Mapping[str, Any], needed: Mapping[str, Any]) -> None:
    if held.keys() != needed.keys():
        raise CheckpointError(
            f"the state of '{name}' is {sorted(held)}, its optimiser keeps {sorted(needed)}"
        )
    for key, expected in needed.items():
        value = held[key]
        what = f"{name}/{key}"
        if not isinstance(expected, Tensor):
            _check_like(what, value, expected)
        elif not isinstance(value, Tensor) or not _fits(value, expected):
            raise CheckpointError(
                f"'{what}' is {_facts(value)}, its optimiser keeps {_facts(expected)}"
            )
        elif value.is_floating_point() and bool(value.isnan().any()):
            raise CheckpointError(f"'{what}' is not a number")
        if key == "step":
            whole({what: int(value) if _is_count(value) else value}, what)


def _is_count(value: Any) -> bool:  # noqa: ANN401
    number = float(value) if isinstance(value, Tensor) and value.numel() == 1 else value
    return isinstance(number, float) and math.isfinite(number) and number.is_integer()


def _fits(value: Tensor, expected: Tensor) -> bool:
    if value.shape != expected.shape:
        return False
    # A count of steps may be of another floating point, by how the step is computed.
    if value.numel() == 1 and value.is_floating_point():
        return expected.is_floating_point()
    return value.dtype == expected.dtype


def _check_like(what: str, value: Any, expected: Any) -> None:  # noqa: ANN401
    """A plain value of the same kind: a finite number for a number."""
    if isinstance(expected, tuple | list):
        if isinstance(value, list) and len(value) == len(expected):
            for part, other in zip(value, expected, strict=True):
                _check_like(what, part, other)
            return
    elif isinstance(expected, int | float) and not isinstance(expected, bool):
        real({what: value}, what)
        return
    elif type(value) is type(expected):
        return
    raise CheckpointError(
        f"'{what}' is {short(value)}, its optimiser keeps a {type(expected).__name__}"
    )


def _alike(one: Any, other: Any) -> bool:  # noqa: ANN401
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _by_leaf(
    optimizer: JointOptimizer, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """State of each tensor of the optimiser, in its order."""
    names, scalars = _names(optimizer), table(numbers, "scalars")
    found = {name: dict(table(scalars, name)) if name in scalars else {} for name in names}
    strange = scalars.keys() - found.keys()
    for full, tensor in tensors.items():
        name, _, key = full.rpartition("/")
        if name in found and key not in found[name]:
            found[name][key] = tensor
        else:
            strange.add(full)
    if strange:
        raise CheckpointError(
            f"the checkpoint holds a state of {short(sorted(strange))}, which the run has not"
        )
    return [found[name] for name in names]


def _after_a_step(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """The state of each tensor once it has moved, found on copies."""
    copies = {
        leaf: leaf.detach().clone().requires_grad_()
        for group in optimizer.param_groups
        for leaf in group["params"]
    }
    probe = object.__new__(type(optimizer))
    vars(probe).update(vars(optimizer))
    vars(probe).pop("step", None)  # a scheduler's, which would step the original
    probe.param_groups = [
        {k: v.clone() if isinstance(v, Tensor) else v for k, v in group.items() if k != "params"}
        | {"params": [copies[leaf] for leaf in group["params"]]}
        for group in optimizer.param_groups
    ]
    probe.state = defaultdict(dict)
    for leaf, held in optimizer.state.items():
        probe.state[copies[leaf]] = {
            k: v.clone() if isinstance(v, Tensor) else v for k, v in held.items()
        }
    hooks: Any = probe
    hooks._optimizer_step_pre_hooks, hooks._optimizer_step_post_hooks = (
        OrderedDict(),
        OrderedDict(),
    )
    for copy in copies.values():
        copy.grad = torch.zeros_like(copy)
    with kept_random_state():
        cast(Any, probe).step()
    return [dict(probe.state[copy]) for copy in copies.values()]


def _facts(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, Tensor):
        return short(value)
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"


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

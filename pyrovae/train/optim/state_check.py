"""Whether a run can continue with an optimiser's state that a checkpoint holds."""

import math
from collections.abc import Mapping
from reprlib import repr as short
from typing import Any

from torch import Tensor

from ...errors import CheckpointError
from ...runtime.fields import real, rows, table, tables, text, whole
from .expected_state import state_after_a_step
from .joint import JointOptimizer
from .state_entries import IMPLEMENTATION, names_of, plain, state_by_leaf, torch_of

_RATES = {"lr", "initial_lr"}


def check_optimizer(
    optimizer: JointOptimizer,
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Any],
    *,
    steps: int = 0,
) -> None:
    """Check that `restore_optimizer` can restore a state, after so many steps; nothing changes.

    Raises:
        CheckpointError: The optimiser is of another kind, has other options than the learning
            rate, or groups the parameters in another way; or it could never have this state.
    """
    names, target = names_of(optimizer), torch_of(optimizer)
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
    found, expected = state_by_leaf(optimizer, tensors, numbers), state_after_a_step(target)
    if steps and any(expected) and not any(found):
        raise CheckpointError(
            f"the checkpoint holds nothing of what the {kind} keeps, after {steps} steps of it; "
            "use another checkpoint of the run"
        )
    for name, held, needed in zip(names, found, expected, strict=True):
        if held:  # a tensor without a gradient has no state
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
    wanted = {k: plain(k, v) for k, v in given.items() if k not in IMPLEMENTATION}
    unknown = (options.keys() | begun.keys() | wanted.keys()) - IMPLEMENTATION - {"initial_lr"}
    for key in sorted(unknown):
        if not (key in wanted and key in begun and key in options):
            raise CheckpointError(
                f"the option '{key[:40]}' of the {kind} is not one of both the checkpoint and the "
                "run; resume with the optimiser and the versions of the first run"
            )
    for key, value in wanted.items():
        if key in _RATES:
            continue
        now = plain(key, here[key])
        if not (_equal(value, begun[key]) or (is_used and _equal(now, options[key]))):
            raise CheckpointError(
                f"the run in the checkpoint has a {kind} with {key}={short(begun[key])}, this one "
                f"has {key}={short(value)}; resume with the first value, or start in "
                "another run_dir"
            )
        _check_plain(f"{kind} {key}", options[key], now)
        if isinstance(value, bool | str) and options[key] != begun[key]:
            raise CheckpointError(
                f"the checkpoint says that {key} of its {kind} was {short(begun[key])} and became "
                f"{short(options[key])}, which no step does; use another checkpoint of the run"
            )
    for key in _RATES & options.keys():
        real(options, key, 0.0)
    if "lr" in begun:
        real(begun, "lr", 0.0)


def _check_state(name: str, held: Mapping[str, Any], needed: Mapping[str, Any]) -> None:
    if held.keys() != needed.keys():
        raise CheckpointError(
            f"the state of '{name}' is {sorted(held)}, its optimiser keeps {sorted(needed)}"
        )
    for key, expected in needed.items():
        value = held[key]
        what = f"{name}/{key}"
        if not isinstance(expected, Tensor):
            _check_plain(what, value, expected)
        elif not isinstance(value, Tensor) or not _fits(value, expected):
            raise CheckpointError(
                f"'{what}' is {_described(value)}, its optimiser keeps {_described(expected)}"
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


def _check_plain(what: str, value: Any, expected: Any) -> None:  # noqa: ANN401
    """A plain value of the same kind: a finite number for a number."""
    if isinstance(expected, tuple | list):
        if isinstance(value, list) and len(value) == len(expected):
            for part, other in zip(value, expected, strict=True):
                _check_plain(what, part, other)
            return
    elif isinstance(expected, int | float) and not isinstance(expected, bool):
        real({what: value}, what)
        return
    elif type(value) is type(expected):
        return
    raise CheckpointError(
        f"'{what}' is {short(value)}, its optimiser keeps a {type(expected).__name__}"
    )


def _equal(one: Any, other: Any) -> bool:  # noqa: ANN401
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _described(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, Tensor):
        return short(value)
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"

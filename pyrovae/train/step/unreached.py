"""Parameters that a pair computes with and that no gradient reaches."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch
from pyro.params import module_from_param_with_module_name
from torch import Tensor, nn

from ...capture.network_calls import watched_networks
from ...errors import ParameterError
from ...particles.isolation import isolated
from ...particles.own_parameters import own_parameters
from ...particles.parameters import graph_leaves
from ...particles.traces import sample_sites
from ...particles.tracing import Pair, Program

Outputs = list[Tensor]


def check_reached(
    model: Program,
    guide: Program,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    leaves: Mapping[str, Tensor],
) -> None:
    """Refuse parameters that guide or model depend on and that no gradient reaches.

    Two cases are errors: no parameter of a program is reached, or none of a whole network, as
    where an encoder runs under `torch.no_grad()` or its output is detached. No errors are
    parameters that are frozen or that the pair does not use on this batch, parts of a declared
    network, and a network that the model runs under `no_grad` while others train.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        args: Of the batch.
        kwargs: Of the batch.
        leaves: Trainable parameters by name.

    Raises:
        ParameterError: There are such parameters; they are named.
    """
    found = None
    with suppress(RuntimeError, ValueError, IndexError):  # a pair that runs under enumeration only
        found = _cut_off(model, guide, args, kwargs, leaves)
    if found is None:
        return
    side, names = found
    shown = ", ".join(f"'{name}'" for name in names[:4]) + (", ..." if len(names) > 4 else "")
    raise ParameterError(
        f"the {side} depends on {shown}, which no gradient reaches, so that they would never "
        "train: they are used under torch.no_grad(), or detached. Remove that, or freeze them "
        "with `requires_grad_(False)` where they are to stay as they are"
    )


def check_loss(
    loss_and_grads: Callable[..., Any],
    model: Program,
    guide: Program,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    leaves: Mapping[str, Tensor],
) -> None:
    """Refuse a loss that has left no gradient at all, where the pair's densities have one.

    Raises:
        ParameterError: It has; the objective is named.
    """
    reached: set[int] = set()
    with suppress(RuntimeError, ValueError, IndexError):
        reached = _reached(lambda: _outputs(Pair(model, guide, args, kwargs), of_guide=True))
        reached |= _reached(lambda: _outputs(Pair(model, guide, args, kwargs), of_guide=False))
    if reached & {id(leaf) for leaf in leaves.values()}:
        objective = getattr(loss_and_grads, "__self__", loss_and_grads)
        raise ParameterError(
            f"no gradient reaches a parameter: the loss of {objective} does not depend on the "
            "pair's densities in a way that torch can follow. Compute it without .detach(), "
            ".item(), numpy and torch.no_grad()"
        )


def _cut_off(
    model: Program,
    guide: Program,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    leaves: Mapping[str, Tensor],
) -> tuple[str, list[str]] | None:
    """The program that depends on parameters that are cut off, and their names."""
    drawn = Pair(model, guide, args, kwargs)
    # No gradient reaches the guide through fixed latents.
    fixed = Pair(model, guide, args, kwargs, fixed_latents=True)

    def guide_outputs() -> Outputs:
        return _outputs(drawn, of_guide=True)

    def model_outputs() -> Outputs:
        return _outputs(fixed, of_guide=False)

    ran: set[int] = set()

    def note(module: nn.Module) -> None:
        if torch.is_grad_enabled():
            ran.update(id(parameter) for parameter in module.parameters(recurse=False))

    with watched_networks(note):
        by_guide, by_model = _reached(guide_outputs), _reached(model_outputs)
    unreached = {
        name: leaf for name, leaf in leaves.items() if id(leaf) not in by_guide | by_model
    }
    declared = {id(leaf) for leaf in leaves.values()}
    for side, outputs, reached in (
        ("guide", guide_outputs, by_guide),
        ("model", model_outputs, by_model),
    ):
        used = [names for names in _networks(unreached) if _depend(outputs, names, unreached)]
        if not reached & declared:
            cut = [name for names in used for name in names]
        else:
            cut = [
                name
                for names in used
                if _is_whole(names, leaves)
                and (side == "guide" or any(id(unreached[name]) in ran for name in names))
                for name in names
            ]
        if cut:
            return side, cut
        unreached = {
            name: leaf
            for name, leaf in unreached.items()
            if not any(name in names for names in used)
        }
    return None


def _outputs(pair: Pair, *, of_guide: bool) -> Outputs:
    """Log-densities of a program's sites, and the values that the guide draws."""
    guide_trace, model_trace = pair.trace()
    found = []
    for site in sample_sites(guide_trace if of_guide else model_trace).values():
        found.append(site["fn"].log_prob(site["value"], *site["args"], **site["kwargs"]))
        if of_guide:
            found.append(site["value"])
    return found


def _reached(outputs: Callable[[], Outputs]) -> set[int]:
    with isolated(), own_parameters(), torch.enable_grad():
        return {id(leaf) for output in outputs() for leaf in graph_leaves(output)}


def _networks(leaves: Mapping[str, Tensor]) -> list[list[str]]:
    """Names of leaves, grouped by the network that declares them; a lone one by itself."""
    groups: dict[str, list[str]] = {}
    for name in leaves:
        groups.setdefault(module_from_param_with_module_name(name), []).append(name)
    return list(groups.values())


def _is_whole(names: list[str], leaves: Mapping[str, Tensor]) -> bool:
    network = module_from_param_with_module_name(names[0])
    return len(names) == sum(module_from_param_with_module_name(n) == network for n in leaves)


def _depend(
    outputs: Callable[[], Outputs], names: list[str], leaves: Mapping[str, Tensor]
) -> bool:
    """Whether outputs change with the values of some leaves, which are restored."""
    before = _evaluated(outputs)
    kept = {name: leaves[name].detach().clone() for name in names}
    try:
        with torch.no_grad():
            for name in names:
                leaves[name].mul_(1.01).add_(0.01)
        after = _evaluated(outputs)
    finally:
        with torch.no_grad():
            for name, value in kept.items():
                leaves[name].copy_(value)
    return any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def _evaluated(outputs: Callable[[], Outputs]) -> Outputs:
    with isolated(), own_parameters(), torch.no_grad():
        return [output.nan_to_num() for output in outputs()]

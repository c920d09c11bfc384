"""The first step of a pair, in which a parameter that would not train is an error."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from torch import Tensor, nn

from ...capture import keeping_buffers
from ...capture.network_calls import watched_networks
from ...errors import ParameterError
from ...particles.own_parameters import captured_parameters
from ...particles.tracing import Program
from .unreached import check_loss, check_reached


def first_backward(
    loss_and_grads: Callable[..., Any],
    model: Program,
    guide: Program,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    in_precision: AbstractContextManager[None],
) -> tuple[Any, dict[str, Tensor], list[nn.Module]]:
    """Leave the gradients of a first batch in the leaves.

    Args:
        loss_and_grads: Gives the loss, and leaves the gradients.
        model: Pyro model.
        guide: Pyro guide.
        args: Of the batch.
        kwargs: Of the batch.
        in_precision: Context in which the pair computes.

    Returns:
        The loss, the trainable parameters by name, and the networks that the pair runs.

    Raises:
        ParameterError: A parameter is not declared to Pyro, or no gradient reaches it.
    """
    with (
        in_precision,
        _networks_run(model, guide) as without_grad,
        keeping_buffers() as networks,
        captured_parameters() as leaves,
    ):
        loss = loss_and_grads(model, guide, *args, **kwargs)
    _check_declared(without_grad, leaves)
    if any(leaf.grad is None for leaf in leaves.values()):
        check_reached(model, guide, args, kwargs, leaves)
    if leaves and all(leaf.grad is None for leaf in leaves.values()):
        check_loss(loss_and_grads, model, guide, args, kwargs, leaves)
    return loss, leaves, list(networks)


@contextmanager
def _networks_run(*programs: Program) -> Iterator[dict[Tensor, str]]:
    """Watch the networks that run in this context.

    Those of an object whose methods the programs are count too, its `PyroParam`s among them.

    Yields:
        Their parameters that had no gradient before, each with a name.
    """
    found: dict[Tensor, str] = {}

    def remember(module: nn.Module) -> None:
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.requires_grad and parameter.grad is None:
                found[parameter] = f"{name} of a {type(module).__name__}"

    for program in programs:
        if isinstance(owner := getattr(program, "__self__", None), nn.Module):
            for module in owner.modules():
                remember(module)
    with watched_networks(remember):
        yield found


def _check_declared(without_grad: Mapping[Tensor, str], leaves: Mapping[str, Tensor]) -> None:
    """Refuse a parameter that has got a gradient and is not declared to Pyro.

    Args:
        without_grad: What `_networks_run` has found.
        leaves: Declared parameters by name.

    Raises:
        ParameterError: There is one; it is named.
    """
    declared = {id(leaf) for leaf in leaves.values()}
    for parameter, name in without_grad.items():
        if parameter.grad is not None and id(parameter) not in declared:
            raise ParameterError(
                f"the loss depends on {name}, of shape {list(parameter.shape)}, which is not "
                "declared to Pyro and so would never train; call `pyro.module('name', network)` "
                "in the pair, use a PyroModule, or freeze it with `requires_grad_(False)`"
            )

"""The parameters and buffers of a pair, whichever style declared them.

A network, a `PyroModule` and an autoguide train their own tensors from their own start, whatever
Pyro's store holds under their names, and frozen tensors stay frozen. Three things read the store:
`pyro.param`, whose values are kept nowhere else; `pyro.module(update_module_params=True)`; and a
`PyroModule`, which takes over loaded tensors that no pair has used or trained yet. `SVI` lists
what it trains in the store, as Pyro does; `fit` and measurements list values of `pyro.param` only.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pyro
import torch
from pyro.params import param_with_module_name
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ..errors import ParameterError
from ..runtime.grad_mode import for_gradients, gradients_on
from .handlers import Program
from .isolation import isolated
from .own_parameters import own_parameters
from .pair import takes_pair
from .traces import leaves_of, sample_sites
from .tracing import Pair, Trace


@takes_pair
def trainable(model: Program, guide: Program, *args: Any, **kwargs: Any) -> dict[str, Tensor]:  # noqa: ANN401
    """Run the pair once, without side effects, and return its unconstrained leaves by name.

    A tensor that two networks share comes once, under its first name.

    Works for `pyro.param`, `pyro.module` and `PyroModule`s in both parameter modes. The tensors
    are those that the pair computes with, whatever Pyro's global store holds under their names.

    Raises:
        ParameterError: The pair declares no parameter, or two tensors under one name, or computes
            with a tensor that requires grad and is not declared, so that it would not train.
    """
    args, kwargs = for_gradients((args, kwargs))
    pair = Pair(model, guide, args, kwargs)
    with isolated(), own_parameters(), gradients_on():
        return leaves_in(pair.trace(), (args, kwargs))


def leaves_in(traces: tuple[Trace, Trace], arguments: Any) -> dict[str, Tensor]:  # noqa: ANN401
    """`trainable`, of a run that has been traced with gradients.

    Args:
        traces: Of guide and model.
        arguments: What the pair was run on, whose tensors may require grad.

    Raises:
        ParameterError: See `trainable`.
    """
    named = {name: leaf for trace in traces for name, leaf in leaves_of(trace).items()}
    first = {id(leaf): name for name, leaf in reversed(named.items())}
    leaves = {name: leaf for name, leaf in named.items() if first[id(leaf)] == name}
    given = {id(t) for t in _tensors(arguments)}
    known = {id(leaf) for leaf in leaves.values()} | given
    for trace in traces:
        for name, site in sample_sites(trace).items():
            log_prob = site["fn"].log_prob(site["value"], *site["args"], **site["kwargs"])
            for leaf in graph_leaves(log_prob):
                if id(leaf) not in known:
                    raise ParameterError(
                        f"site '{name}' depends on a tensor of shape {list(leaf.shape)} that "
                        "requires grad but is not declared to Pyro, so it would never train; "
                        "call `pyro.module('name', network)` in the pair, use a PyroModule, "
                        "or freeze it with `requires_grad_(False)`"
                    )
    if not leaves:
        raise ParameterError(
            "the pair declares no parameters, so nothing would train; use `pyro.param`, call "
            "`pyro.module('name', network)` in the pair, or use a PyroModule"
        )
    return leaves


def declare(name: str, network: nn.Module) -> None:
    """Declare a network's parameters to Pyro as `pyro.module` does, or raise.

    Under this library's objectives, `SVI` and `fit` a network trains its own tensors whatever
    the store holds. Under Pyro's `SVI` and losses it computes with the tensors of the store.

    Raises:
        ParameterError: The store holds another tensor under the name, so that this network would
            not train.
    """
    for full, parameter in declared(name, network).items():
        if pyro.param(full, parameter) is not parameter:
            raise ParameterError(
                f"Pyro's store holds another network's tensor under '{full}', so this one would "
                "not train; call pyro.clear_param_store() first, keep conv weights contiguous, or "
                "train with pyrovae.SVI or pyrovae.fit, which need neither"
            )


def declared(name: str, network: nn.Module) -> dict[str, nn.Parameter]:
    """A network's trainable parameters by the names under which `declare` declares them."""
    return {
        param_with_module_name(name, local): parameter
        for local, parameter in network.named_parameters()
        if parameter.requires_grad
    }


@takes_pair
def buffers(model: Program, guide: Program, *args: Any, **kwargs: Any) -> dict[str, Tensor]:  # noqa: ANN401
    """Tensors of a pair's networks that do not train, by name.

    They are buffers (masks, running statistics, ...) and frozen parameters.
    """
    pair = Pair(model, guide, args, kwargs)
    with isolated() as modules, torch.no_grad():
        traces = pair.trace()
    return buffers_in(traces, roots_of(model, guide), modules)


def roots_of(*programs: Program) -> list[nn.Module]:
    """Programs that are modules, and modules whose methods programs are."""
    owners = [getattr(program, "__self__", program) for program in programs]
    return [owner for owner in owners if isinstance(owner, nn.Module)]


def buffers_in(
    traces: tuple[Trace, Trace], roots: Sequence[nn.Module], modules: Sequence[nn.Module]
) -> dict[str, Tensor]:
    """`buffers`, of a run that has been traced.

    Args:
        traces: Of guide and model.
        roots: See `roots_of`.
        modules: The outermost networks that ran.
    """
    names = {id(t): n for trace in traces for n, t in leaves_of(trace).items()}
    found: dict[str, Tensor] = {}
    sides = ["model.", "guide."] if len({id(root) for root in roots}) == 2 else ["", ""]
    for index, module in enumerate([*roots, *modules]):
        prefix = sides[index] if index < len(roots) else f"{type(module).__name__}_{index}."
        for local, parameter in module.named_parameters():
            full = names.get(id(parameter), "")
            if full.endswith(local) and index >= len(roots):
                prefix = full.removesuffix(local)
                break
        seen = {id(tensor) for tensor in found.values()}
        fixed = {n: p for n, p in module.named_parameters() if not p.requires_grad}
        for local, tensor in {**dict(module.named_buffers()), **fixed}.items():
            if id(tensor) not in seen:
                found[prefix + local] = tensor
    return found


@contextmanager
def frozen(leaves: Mapping[str, Tensor]) -> Iterator[None]:
    """Within this context the given leaves are constants: no gradient reaches them.

    Log-densities that should not depend on them must be computed inside, because conditional
    distributions may run their networks only when they are scored.
    """
    tensors = [leaf for leaf in leaves.values() if leaf.requires_grad]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*was not registered in the param store.*")
        try:
            for tensor in tensors:
                tensor.requires_grad_(False)
            yield
        finally:
            for tensor in tensors:
                tensor.requires_grad_(True)


def _tensors(tree: Any) -> Iterator[Tensor]:  # noqa: ANN401
    leaves = pytree.tree_leaves(tree)
    yield from (leaf for leaf in leaves if isinstance(leaf, Tensor))


def graph_leaves(tensor: Tensor) -> Iterator[Tensor]:
    """Leaves that autograd would reach from here."""
    if tensor.is_leaf and tensor.requires_grad:
        yield tensor
    stack = [tensor.grad_fn] if tensor.grad_fn is not None else []
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.name() == "torch::autograd::AccumulateGrad":
            yield cast(Any, node).variable
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                stack.append(following)

"""Look at a pair and leave no trace in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyro
import torch
from torch import Tensor, nn

from ..particles.held_networks import held_networks
from ..particles.isolation import isolated
from ..runtime.expanded import write

Kept = list[tuple[nn.Module, dict[str, Any], dict[str, Any]]]


@contextmanager
def undisturbed(model: object, guide: object) -> Iterator[None]:
    """After this context Pyro's store, networks, gradients, random streams are as before it.

    Networks that the programs make or import while they run are not covered; nothing that is
    done here trains them.
    """
    store: Any = pyro.get_param_store()
    held = dict(store._params), dict(store._param_to_name), dict(store._constraints)
    networks = _contents(held_networks(model, guide))
    tensors = {id(t): t for t in (*held[0].values(), *_parameters(networks))}
    grads = [(t, t.grad, t.requires_grad, t.detach().clone()) for t in tensors.values()]
    try:
        with isolated():
            yield
    finally:
        store._params, store._param_to_name, store._constraints = held
        for module, attributes, inner in networks:
            vars(module).clear()
            vars(module).update(attributes)
            for name, content in inner.items():
                attributes[name].clear()
                attributes[name].update(content)
        for tensor, grad, requires_grad, value in grads:
            tensor.grad = grad
            if tensor.requires_grad != requires_grad:
                tensor.requires_grad_(requires_grad)
            if not torch.equal(tensor, value) and not bool(value.isnan().any()):
                with torch.no_grad():
                    write(tensor, value)


def _contents(held: list[nn.Module]) -> Kept:
    """The attributes of networks, and what those attributes that are dicts hold."""
    modules = {id(m): m for network in held for m in network.modules()}
    return [
        (m, dict(vars(m)), {k: v.copy() for k, v in vars(m).items() if isinstance(v, dict)})
        for m in modules.values()
    ]


def _parameters(kept: Kept) -> Iterator[Tensor]:
    for module, _, _ in kept:
        yield from (p for p in module._parameters.values() if p is not None)

"""Run a pair without side effects."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ..capture.network_calls import watched_networks
from ..runtime.expanded import write
from ..runtime.grad_mode import outside_inference_mode
from ..runtime.random_state import restore_random_state, save_random_state
from .handlers import hidden
from .own_parameters import watched_declarations
from .param_store import without_networks


@contextmanager
def isolated() -> Iterator[list[nn.Module]]:
    """Hide what runs here from outer handlers; restore random streams and networks' buffers.

    Networks leave nothing in Pyro's store.

    Yields:
        The outermost networks that ran, in order, once the context is left.
    """
    before: dict[nn.Module, list[tuple[str, Tensor, Tensor]]] = {}
    ran: dict[nn.Module, None] = {}
    declared: set[nn.Module] = set()

    def remember(module: nn.Module) -> None:
        if module not in before:
            own = module.named_buffers(recurse=False)
            before[module] = [(name, buffer, buffer.clone()) for name, buffer in own]

    def on_run(module: nn.Module) -> None:
        remember(module)
        ran[module] = None

    def on_declaration(network: nn.Module) -> None:
        if network not in declared:
            declared.add(network)
            for module in network.modules():
                remember(module)

    state = save_random_state()
    outermost: list[nn.Module] = []
    try:
        with (
            hidden(),
            without_networks(),
            outside_inference_mode(),
            watched_networks(on_run),
            watched_declarations(on_declaration),
        ):
            yield outermost
    finally:
        restore_random_state(state)
        with torch.no_grad():
            for module, saved in before.items():
                for name, buffer, old in saved:
                    write(buffer, old)
                    setattr(module, name, buffer)  # the network may have replaced it
        inner = {child for module in ran for child in module.modules() if child is not module}
        outermost.extend(module for module in ran if module not in inner)

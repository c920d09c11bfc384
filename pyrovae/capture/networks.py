"""Networks that replace their buffers by new tensors in `forward`."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn, no_grad

from ..runtime.expanded import write
from .network_calls import watched_networks


@contextmanager
def keeping_buffers() -> Iterator[dict[nn.Module, dict[str, Tensor]]]:
    """Networks that run in this context keep the tensors of their buffers, with the new values.

    A graph writes into the tensors that it was traced with, which `self.average = new` in a
    network's `forward` would replace.

    Yields:
        The networks that have run so far, each with its own buffers by name.
    """
    before: dict[nn.Module, dict[str, Tensor]] = {}

    def remember(module: nn.Module) -> None:
        if module not in before:
            before[module] = dict(module.named_buffers(recurse=False))

    try:
        with watched_networks(remember):
            yield before
    finally:
        with no_grad():
            for module, buffers in before.items():
                for name, buffer in buffers.items():
                    now = module._buffers.get(name)
                    if now is not None and now is not buffer:
                        write(buffer, now)
                        module._buffers[name] = buffer

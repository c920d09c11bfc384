"""Notice when networks run, compiled ones too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Around = Callable[[nn.Module, tuple[Any, ...], Callable[[], Any]], Any]
"""Takes a network, its arguments, and what runs it; gives what it gives."""


@contextmanager
def around_networks(around: Around) -> Iterator[None]:
    """Within this context networks are called through `around`.

    torch has global hooks for this, which torch.compile traces into the networks that it has
    compiled, and fails. What runs inside of a compiled network is not told.
    """
    original = nn.Module.__call__

    def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        if torch.compiler.is_dynamo_compiling():
            return original(self, *args, **kwargs)
        return around(self, args, lambda: original(self, *args, **kwargs))

    nn.Module.__call__ = call  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.__call__ = original  # type: ignore[method-assign]


@contextmanager
def watched_networks(note: Callable[[nn.Module], None]) -> Iterator[None]:
    """Within this context `note` is called with each network before it runs.

    Of a compiled one, which runs as a whole, with all that it is made of.
    """

    def around(module: nn.Module, _: tuple[Any, ...], run: Callable[[], Any]) -> Any:  # noqa: ANN401
        compiled = "_orig_mod" in module._modules or module._compiled_call_impl is not None
        for each in module.modules() if compiled else (module,):
            note(each)
        return run()

    with around_networks(around):
        yield

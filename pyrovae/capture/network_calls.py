"""Notice when networks run, compiled ones too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.fx import _symbolic_trace

Around = Callable[[nn.Module, tuple[Any, ...], Callable[[], Any]], Any]
"""Takes a network, its arguments, and what runs it; gives what it gives."""


@contextmanager
def around_networks(around: Around) -> Iterator[None]:
    """Within this context networks are called through `around`.

    torch has global hooks for this, which torch.compile traces into the networks that it has
    compiled, and fails. What runs inside of a compiled network is not told; a network that runs in
    a trace that has begun before may be told twice.
    """

    def through(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if torch.compiler.is_dynamo_compiling():
                return original(self, *args, **kwargs)
            return around(self, args, lambda: original(self, *args, **kwargs))

        return call

    # While torch.fx traces, a `__call__` of its own calls what it found when it was imported.
    by_torch, by_fx = nn.Module.__call__, _symbolic_trace._orig_module_call
    nn.Module.__call__ = through(by_torch)  # type: ignore[method-assign]
    _symbolic_trace._orig_module_call = through(by_fx)
    try:
        yield
    finally:
        nn.Module.__call__ = by_torch  # type: ignore[method-assign]
        _symbolic_trace._orig_module_call = by_fx


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

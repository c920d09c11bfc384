"""Watch the calls of networks, compiled ones too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.fx import _symbolic_trace

Around = Callable[[nn.Module, tuple[Any, ...], Callable[[], Any]], Any]
"""Takes a network, its arguments, and a function that runs it; gives the output."""


@contextmanager
def around_networks(around: Around) -> Iterator[None]:
    """Within this context networks are called through `around`.

    torch's global hooks would be plainer than replacing `nn.Module.__call__`. But a network that
    was compiled in place (`network.compile()`) runs its hooks inside of the compiled code, and so
    runs none that came later.

    The calls inside of a compiled network are not seen. A call within a trace of torch.fx that
    has begun before this context may be seen twice.
    """

    def wrapped(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if torch.compiler.is_dynamo_compiling():
                return original(self, *args, **kwargs)
            return around(self, args, lambda: original(self, *args, **kwargs))

        return call

    # While torch.fx traces, its own `__call__` calls the one that it found at its import.
    by_torch, by_fx = nn.Module.__call__, _symbolic_trace._orig_module_call
    nn.Module.__call__ = wrapped(by_torch)  # type: ignore[method-assign]
    _symbolic_trace._orig_module_call = wrapped(by_fx)
    try:
        yield
    finally:
        nn.Module.__call__ = by_torch  # type: ignore[method-assign]
        _symbolic_trace._orig_module_call = by_fx


@contextmanager
def watched_networks(note: Callable[[nn.Module], None]) -> Iterator[None]:
    """Within this context `note` is called with each network before it runs.

    A compiled network runs as a whole: `note` is called with each network that it contains.
    """

    def around(module: nn.Module, _: tuple[Any, ...], run: Callable[[], Any]) -> Any:  # noqa: ANN401
        compiled = "_orig_mod" in module._modules or module._compiled_call_impl is not None
        for each in module.modules() if compiled else (module,):
            note(each)
        return run()

    with around_networks(around):
        yield

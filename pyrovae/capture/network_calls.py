"""Watch the calls of networks, compiled ones too."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.fx import _symbolic_trace

Around = Callable[[nn.Module, tuple[Any, ...], Callable[[], Any]], Any]
"""Takes a network, its arguments, and a function that runs it; gives the output."""


class _Layer:
    """What stands in the place of `nn.Module.__call__`, for all contexts that are entered in turn.

    Each class below `nn.Module` is told where that is replaced, which takes longer than a run of
    a small network: a context within another one uses what is there.
    """

    def __init__(self) -> None:
        # While torch.fx traces, its own `__call__` calls the one that it found at its import.
        self._found = nn.Module.__call__, _symbolic_trace._orig_module_call
        self._around: list[Around] = []  # the outermost first
        self.call = self._wrapped(self._found[0])
        nn.Module.__call__ = self.call  # type: ignore[method-assign]
        _symbolic_trace._orig_module_call = self._wrapped(self._found[1])

    def _wrapped(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            if torch.compiler.is_dynamo_compiling():
                return original(module, *args, **kwargs)
            run: Callable[[], Any] = partial(original, module, *args, **kwargs)
            for around in self._around:
                run = partial(around, module, args, run)
            return run()

        return call

    @contextmanager
    def through(self, around: Around) -> Iterator[None]:
        """Within this context networks are called through `around` as well."""
        self._around.append(around)
        try:
            yield
        finally:
            _remove_last(self._around, around)
            if not self._around:
                _layers.remove(self)
                by_torch, _symbolic_trace._orig_module_call = self._found
                nn.Module.__call__ = by_torch  # type: ignore[method-assign]


_layers: list[_Layer] = []


def _remove_last(held: list[Around], around: Around) -> None:
    """By identity: equal ones, such as methods of one object, may be two."""
    del held[max(i for i, each in enumerate(held) if each is around)]


@contextmanager
def around_networks(around: Around) -> Iterator[None]:
    """Within this context networks are called through `around`.

    torch's global hooks would be plainer than replacing `nn.Module.__call__`. But a network that
    was compiled in place (`network.compile()`) runs its hooks inside of the compiled code, and so
    runs none that came later.

    The calls inside of a compiled network are not seen. A call within a trace of torch.fx that
    has begun before this context may be seen twice.
    """
    layer = next((each for each in _layers if each.call is nn.Module.__call__), None)
    if layer is None:
        layer = _Layer()
        _layers.append(layer)
    with layer.through(around):
        yield


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

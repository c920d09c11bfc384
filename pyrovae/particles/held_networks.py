"""The networks that a program holds, found without running it."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

_LIBRARIES = {"builtins", "numpy", "pyro", "pyrovae", "torch"}
_DEPTH = 5  # objects within objects that are looked through


def held_networks(*programs: object) -> list[nn.Module]:
    """The networks that programs can reach: owners, closures, arguments, globals that they name.

    Those that a program imports or makes while it runs are not found. A network inside another
    one may be listed as well.

    Example:
        >>> held_networks(nn.Linear(4, 2).forward, partial(print, nn.ReLU()))
        [Linear(in_features=4, out_features=2, bias=True), ReLU()]
    """
    named = {str(number): program for number, program in enumerate(programs)}
    return [thing for _, thing in held(named) if isinstance(thing, nn.Module)]


def held(programs: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """All that programs can reach, each thing once, with the way to it: "guide.nets.encoder".

    The nearest come first, and of several ways the shortest is given, so that programs made by
    the same code give the same ways in the same order.

    Args:
        programs: By the names with which the ways begin.
    """
    seen: dict[int, object] = {}  # keeps the objects alive, so that no id is used twice
    waiting = deque((name, program, 0) for name, program in programs.items())
    while waiting:
        way, thing, depth = waiting.popleft()
        if id(thing) in seen or depth > _DEPTH:
            continue
        seen[id(thing)] = thing
        yield way, thing
        waiting += [(f"{way}{step}", inner, depth + 1) for step, inner in _inside(thing)]


def is_compiled(network: nn.Module) -> bool:
    """Whether `torch.compile` would trace through the network, hooks included."""
    return any(
        type(module).__name__ == "OptimizedModule" or module._compiled_call_impl is not None
        for module in network.modules()
    )


def _inside(thing: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401
    """What may hold networks one step further in, and the step to it."""
    if isinstance(thing, FunctionType):
        yield from _of_function(thing)
    elif isinstance(thing, MethodType):
        yield from (("", thing.__self__), ("", thing.__func__))
    elif isinstance(thing, partial):
        yield "", thing.func
        yield from _numbered(thing.args)
        yield from _attributes(thing.keywords)
    elif isinstance(thing, dict):
        yield from _containers_and_callables(_items(thing))
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from _containers_and_callables(_numbered(thing))
    elif isinstance(thing, nn.Module):
        # Its registered networks come with it; it may hold others without registering them.
        others = {name: value for name, value in vars(thing).items() if name != "_modules"}
        yield from _containers_and_callables(_attributes(others))
        yield from _functions_of(type(thing))
    elif not isinstance(thing, Tensor | ModuleType | type):
        yield from _attributes(getattr(thing, "__dict__", {}))
        yield from _functions_of(type(thing))
    elif isinstance(thing, type) and not is_of_library(thing):
        yield from _containers_and_callables(_attributes(vars(thing)))


def _of_function(function: FunctionType) -> Iterator[tuple[str, object]]:
    for value in vars(function).values():  # such as the `__wrapped__` of `functools.wraps`
        yield "", value
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    yield from _attributes(dict(zip(reversed(names), reversed(defaults), strict=False)))
    yield from _attributes(function.__kwdefaults__ or {})
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f".{name}", cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
    if not is_of_library(function):
        found = dict.fromkeys(_names_in(function.__code__))
        for name in found:
            if name not in function.__globals__:
                continue
            value = function.__globals__[name]
            yield f".{name}", value
            if isinstance(value, ModuleType):
                for other in found:
                    inner = vars(value).get(other)
                    if isinstance(inner, nn.Module | FunctionType):
                        yield f".{name}.{other}", inner


def _names_in(code: CodeType) -> Iterator[str]:
    """The globals and attributes that code names, that of the functions inside it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):  # of a function inside the function
            yield from _names_in(constant)


def _functions_of(kind: type) -> Iterator[tuple[str, object]]:
    """The methods of a class of the user's own, which may name networks."""
    for base in kind.__mro__:
        if not is_of_library(base):
            methods = (value for value in vars(base).values() if isinstance(value, FunctionType))
            yield from (("", method) for method in methods)


def _attributes(values: Mapping[Any, object]) -> Iterator[tuple[str, object]]:
    yield from ((f".{name}", value) for name, value in values.items())


def _items(values: Mapping[Any, object]) -> Iterator[tuple[str, object]]:
    for number, (key, value) in enumerate(values.items()):
        yield f"[{key!r}]" if isinstance(key, str | int) else f"[{number}]", value


def _numbered(values: Iterable[object]) -> Iterator[tuple[str, object]]:
    yield from ((f"[{number}]", value) for number, value in enumerate(values))


def _containers_and_callables(
    values: Iterable[tuple[str, object]],
) -> Iterator[tuple[str, object]]:
    kinds = nn.Module, FunctionType, MethodType, partial, dict, list, tuple
    yield from ((step, value) for step, value in values if isinstance(value, kinds))


def is_of_library(thing: type | FunctionType) -> bool:
    """Whether a class or function belongs to this library or to one that it is built on."""
    return str(thing.__module__).split(".")[0] in _LIBRARIES

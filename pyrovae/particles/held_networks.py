"""The networks that a program holds, found without running it."""

from collections.abc import Iterable, Iterator
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
    found: list[nn.Module] = []
    seen: dict[int, object] = {}  # keeps the objects alive, so that no id is used twice
    waiting = [(program, 0) for program in reversed(programs)]
    while waiting:
        thing, depth = waiting.pop()
        if id(thing) in seen or depth > _DEPTH:
            continue
        seen[id(thing)] = thing
        if isinstance(thing, nn.Module):
            found.append(thing)
        waiting += [(inner, depth + 1) for inner in _inside(thing)]
    return found


def is_compiled(network: nn.Module) -> bool:
    """Whether `torch.compile` would trace through the network, hooks included."""
    return any(
        type(module).__name__ == "OptimizedModule" or module._compiled_call_impl is not None
        for module in network.modules()
    )


def _inside(thing: Any) -> Iterator[object]:  # noqa: ANN401
    """What may hold networks one step further in."""
    if isinstance(thing, FunctionType):
        yield from _of_function(thing)
    elif isinstance(thing, MethodType):
        yield from (thing.__self__, thing.__func__)
    elif isinstance(thing, partial):
        yield from (thing.func, *thing.args, *thing.keywords.values())
    elif isinstance(thing, dict):
        yield from _containers_and_callables(thing.values())
    elif isinstance(thing, list | tuple | set | frozenset):
        yield from _containers_and_callables(thing)
    elif isinstance(thing, nn.Module):
        # Its registered networks come with it; it may hold others without registering them.
        yield from _containers_and_callables(v for n, v in vars(thing).items() if n != "_modules")
        yield from _functions_of(type(thing))
    elif not isinstance(thing, Tensor | ModuleType | type):
        yield from getattr(thing, "__dict__", {}).values()
        yield from _functions_of(type(thing))
    elif isinstance(thing, type) and not _is_of_library(thing):
        yield from _containers_and_callables(vars(thing).values())


def _of_function(function: FunctionType) -> Iterator[object]:
    yield from vars(function).values()  # such as the `__wrapped__` of `functools.wraps`
    yield from function.__defaults__ or ()
    yield from (function.__kwdefaults__ or {}).values()
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
    if not _is_of_library(function):
        names = set(_names_in(function.__code__))
        for name in names & function.__globals__.keys():
            value = function.__globals__[name]
            yield value
            if isinstance(value, ModuleType):
                inner = (vars(value).get(other) for other in names)
                yield from (v for v in inner if isinstance(v, nn.Module | FunctionType))


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):  # of a function inside the function
            yield from _names_in(constant)


def _functions_of(kind: type) -> Iterator[object]:
    """The methods of a class of the user's own, which may name networks."""
    for base in kind.__mro__:
        if not _is_of_library(base):
            yield from (value for value in vars(base).values() if isinstance(value, FunctionType))


def _containers_and_callables(values: Iterable[object]) -> Iterator[object]:
    kinds = nn.Module, FunctionType, MethodType, partial, dict, list, tuple
    yield from (value for value in values if isinstance(value, kinds))


def _is_of_library(thing: type | FunctionType) -> bool:
    return str(thing.__module__).split(".")[0] in _LIBRARIES

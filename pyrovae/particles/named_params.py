"""The names of `pyro.param` statements, read from code without running it."""

import dis
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType

from .held_networks import is_of_library

_BETWEEN = {"PUSH_NULL", "CACHE"}


@dataclass(frozen=True)
class NamedParams:
    """What code says about its `pyro.param` statements.

    Attributes:
        names: Those that are written out, in the order of the code.
        is_computed: Whether a name is computed, which only a run can tell.
    """

    names: tuple[str, ...]
    is_computed: bool


def named_params(things: Iterable[object]) -> NamedParams:
    """Read the names in the functions among `things`, those of libraries left out.

    Example:
        >>> model = lambda x: pyro.param("scale", x)
        >>> model.__module__ = "mine"
        >>> named_params([model])
        NamedParams(names=('scale',), is_computed=False)
    """
    found: list[str | None] = []
    for thing in things:
        if isinstance(thing, FunctionType) and not is_of_library(thing):
            found += _names(thing.__code__)
    names = tuple(dict.fromkeys(name for name in found if name is not None))
    return NamedParams(names, None in found)


def _names(code: CodeType) -> Iterator[str | None]:
    """The text with which the name of each statement begins; None where more is computed."""
    steps = list(dis.get_instructions(code))
    for number, step in enumerate(steps):
        if step.argval != "param" or not step.opname.startswith("LOAD") or "CONST" in step.opname:
            continue
        number += 1
        while steps[number].opname in _BETWEEN:
            number += 1
        first = steps[number]
        if first.opname == "LOAD_CONST" and isinstance(first.argval, str):
            yield first.argval
            if _is_read_alone(steps[number + 1 :]):
                continue
        yield None
    for constant in code.co_consts:
        if isinstance(constant, CodeType):  # of a function inside the function
            yield from _names(constant)


def _is_read_alone(steps: Sequence[dis.Instruction]) -> bool:
    """Whether a text just put on the stack is taken by the call alone, with other arguments.

    What is computed of it, such as `"w" + str(i)`, takes its place.
    """
    above, was_above = 0, False
    for step in steps:
        above += dis.stack_effect(step.opcode, step.arg, jump=False)
        if above < 0:
            return True
        if above == 0 and was_above:
            return False
        was_above = was_above or above > 0
    return True

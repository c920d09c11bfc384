"""How a factory of parts is called: with one size, or with a size and that of a context."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any

_POSITIONAL = Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD
_CONTEXTS = ("context", "context_dim", "context_size")


def accepts(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many arguments; one that does not say so can."""
    try:
        signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:  # some built-in functions have no signature
        return True
    return True


def takes_context(factory: Callable[..., Any]) -> bool:
    """Whether a factory is called with the size of a context besides its own.

    It is where it needs a second argument, and where its second argument has the name of one.

    Example:
        >>> takes_context(lambda dim, context=0: 0), takes_context(lambda dim, width=8: 0)
        (True, False)
    """
    if not accepts(factory, 2):
        return False
    if not accepts(factory, 1):
        return True
    try:
        given = list(signature(factory).parameters.values())
    except ValueError:
        return False
    second = [p for p in given if p.kind in _POSITIONAL][1:2]
    is_any = any(p.kind is Parameter.VAR_POSITIONAL for p in given)
    return second[0].name in _CONTEXTS if second else is_any

"""Signatures of functions that take shared keywords as `**options`."""

import inspect
from collections.abc import Callable, Iterable
from typing import Any, cast


def name_keywords(function: Callable[..., Any], keywords: Iterable[inspect.Parameter]) -> None:
    """Show keywords by name where a function takes `**options`.

    `help`, `repr` and the command line read `inspect.signature`, which does not look into
    `Unpack`. Only what they read changes, and not how the function is called.

    Args:
        function: It has no `__signature__` of its own yet.
        keywords: With their defaults.
    """
    signature = inspect.signature(function)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    named = [keyword.replace(kind=inspect.Parameter.KEYWORD_ONLY) for keyword in keywords]
    cast(Any, function).__signature__ = signature.replace(parameters=[*own, *named])

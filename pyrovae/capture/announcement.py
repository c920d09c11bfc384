"""Says that a computation is being compiled, to whoever shows it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)


@contextmanager
def announcing(listener: Callable[[str], None]) -> Iterator[None]:
    """In this context a listener is told what is being compiled, and with "" that it has ended."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def announced(text: str) -> Iterator[None]:
    """Tell the listener, if there is one, what happens within."""
    listener = _listener.get()
    if listener is None:
        yield
        return
    listener(text)
    try:
        yield
    finally:
        listener("")

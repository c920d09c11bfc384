"""An interrupt that keeps what is done."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:  # it imports torch, and the command line imports this file
    from .result import Result

R = TypeVar("R", bound="Result")


class Interrupted(KeyboardInterrupt, Generic[R]):
    """A `KeyboardInterrupt` of long work, with the result of what was done before it.

    It ends a script as any interrupt does, so that no result of half the data is taken for that of
    all. What is wanted of it is caught; at a prompt and in a notebook it is `sys.last_value`.

    Args:
        done: How much was done, "300 of 1,000 data".
        partial: The result of that much; it says so where it is printed.
        way_on: How to go on, a sentence without its end.

    Attributes:
        partial: The result.

    Example:
        >>> import pyrovae
        >>> def measure():
        ...     raise KeyboardInterrupt  # as Ctrl-C does, or a notebook's stop button
        >>> try:
        ...     found = measure()
        ... except pyrovae.Interrupted as stop:
        ...     found = stop.partial
        ... except KeyboardInterrupt:
        ...     found = None  # nothing was done yet
    """

    def __init__(self, done: str, partial: R, way_on: str = "") -> None:
        super().__init__(done, partial, way_on)
        self.done, self.way_on = done, way_on
        self.partial: R = partial.marked(f"interrupted: {done}")

    def __str__(self) -> str:
        return (
            f"interrupted after {self.done}; their result is the `partial` of this error, "
            "`sys.last_value.partial` at a prompt" + (f"; {self.way_on}" if self.way_on else "")
        )


@contextmanager
def whole_or_nothing() -> Iterator[None]:
    """Within this context the partial result of a part is no result: it is a plain interrupt."""
    try:
        yield
    except Interrupted as stop:
        raise KeyboardInterrupt from stop

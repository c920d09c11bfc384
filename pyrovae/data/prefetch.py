"""Read ahead in another thread."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

T = TypeVar("T")


def prefetched(source: Iterator[T]) -> Iterator[T]:
    """The same values in the same order, of which the next is computed while one is in use.

    A thread starts with the first value that is asked for, and ends when the iterator is closed
    or dropped. What `source` raises is raised where its value is asked for.

    Args:
        source: Used by the thread alone. It must not draw from a random state of the process,
            which would depend on who comes first.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="pyrovae-prefetch") as thread:
        ahead = thread.submit(next, source, end)
        while (value := ahead.result()) is not end:
            ahead = thread.submit(next, source, end)
            yield cast(T, value)

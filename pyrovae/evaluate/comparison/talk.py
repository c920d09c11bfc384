"""What a long comparison says while it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...runtime.progress import progress_bar, say, tell


class Talk:
    """One bar over all parts of a comparison, with what is on and what is known so far."""

    def __init__(self, parts: int, progress: bool | None) -> None:
        self._bar = progress_bar(parts, "parts", progress)
        self._begun = -1

    @contextmanager
    def shown(self) -> Iterator["Talk"]:
        """Within this context the bar shows."""
        with self._bar:
            yield self

    def begin(self, what: str, so_far: str = "") -> None:
        """Another part begins."""
        self._begun += 1
        self.at(0.0)
        tell(self._bar, what, so_far)

    def at(self, share: float) -> None:
        """So much of this part is done."""
        self._bar.update(max(0.0, self._begun + share - self._bar.n))

    def say(self, line: str) -> None:
        """A line of the table that is known by now."""
        say(self._bar, line)

"""What a callback can do."""

from collections.abc import Sequence

from ..loop import Loop


class Callback:
    """Does something at set moments of a run; override what is needed.

    A resumed run begins with new callbacks, so keep only what can be found again from `loop`: its
    `step`, `epoch`, `progress`, `history`. What a callback draws from the global random state is
    part of the run, except in `on_start`.

    Of several ranks each has its own, called at the same moments; `loop.rank` tells which it is.
    Those other than 0 should write no files, and all must draw the same.
    """

    def on_start(self, loop: Loop) -> None:
        """Before the first step, or before the first one after a checkpoint."""

    def on_step(self, loop: Loop) -> None:
        """After each step."""

    def on_epoch(self, loop: Loop) -> None:
        """After each epoch; `loop.history[-1]` has its figures."""

    def on_end(self, loop: Loop) -> None:
        """At the end, after an error too."""


class CallbackList(Callback):
    """Calls several callbacks in order."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self._callbacks = list(callbacks)

    def on_start(self, loop: Loop) -> None:
        for callback in self._callbacks:
            callback.on_start(loop)

    def on_step(self, loop: Loop) -> None:
        for callback in self._callbacks:
            callback.on_step(loop)

    def on_epoch(self, loop: Loop) -> None:
        for callback in self._callbacks:
            callback.on_epoch(loop)

    def on_end(self, loop: Loop) -> None:
        for callback in self._callbacks:
            callback.on_end(loop)

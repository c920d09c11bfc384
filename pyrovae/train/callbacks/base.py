"""What a callback can do."""

from ..loop import Loop


class Callback:
    """Does something at set moments of a run; override what is needed.

    A run that is resumed makes its callbacks anew, so keep nothing that could not be found again
    from `loop`: its `step`, `epoch`, `progress`, `history`. What a callback draws from the global
    random streams is part of the run, except in `on_start`.

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

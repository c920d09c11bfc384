"""Show a run's progress on a terminal or in a notebook."""

import sys
from typing import Any

from ...runtime.progress import in_notebook, progress_bar
from ..loop import Loop
from .base import Callback


class ProgressBar(Callback):
    """A bar over all steps, with the bounds of the last epoch; it stays when the run ends.

    Args:
        always: Also where stderr is neither a terminal nor a notebook's.
    """

    every_step = False

    def __init__(self, *, always: bool = False) -> None:
        self._always = always
        self._bar: Any = None

    def on_start(self, loop: Loop) -> None:
        is_seen = self._always or sys.stderr.isatty() or in_notebook()
        if loop.rank > 0 or not is_seen:
            return
        self._bar = progress_bar(
            loop.total_steps, "steps", True, initial=loop.step, leave=None, delay=0.0
        )
        self._describe(loop)

    def on_compile(self, loop: Loop, seconds: float | None) -> None:
        if self._bar is None:
            return
        if seconds is None:
            self._bar.set_description("compiling the step")  # at once
            return
        self._bar.unpause()  # what it took counts in no rate
        self._bar.set_description("", refresh=False)
        self._bar.set_postfix_str(f"compiled in {seconds:.1f} s", refresh=False)
        self._describe(loop)
        self._bar.refresh()

    def on_step(self, loop: Loop) -> None:
        if self._bar is not None:
            self._bar.update(loop.step - self._bar.n)

    def on_epoch(self, loop: Loop) -> None:
        self._describe(loop)

    def on_end(self, loop: Loop) -> None:
        if self._bar is not None:
            self._bar.refresh()
            self._bar.close()

    def _describe(self, loop: Loop) -> None:
        if self._bar is not None and loop.history:
            last = loop.history[-1]
            figures = {k: f"{last[k]:.2f}" for k in ("train", "val") if last[k] is not None}
            self._bar.set_description(f"epoch {last['epoch']}/{loop.epochs}", refresh=False)
            self._bar.set_postfix(figures, refresh=False)

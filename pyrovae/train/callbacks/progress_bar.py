"""Show a run's progress on the terminal."""

from tqdm import tqdm

from ..loop import Loop
from .base import Callback


class ProgressBar(Callback):
    """A bar over all steps on stderr; none where stderr is no terminal."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def on_start(self, loop: Loop) -> None:
        if loop.rank > 0:
            return
        self._bar = tqdm(total=loop.total_steps, initial=loop.step, unit="step", disable=None)
        self._describe(loop)

    def on_step(self, loop: Loop) -> None:
        if self._bar is not None:
            self._bar.update(loop.step - self._bar.n)

    def on_epoch(self, loop: Loop) -> None:
        self._describe(loop)

    def on_end(self, loop: Loop) -> None:
        if self._bar is not None:
            self._bar.close()

    def _describe(self, loop: Loop) -> None:
        if self._bar is not None and loop.history:
            last = loop.history[-1]
            figures = {k: f"{last[k]:.2f}" for k in ("train", "val") if last[k] is not None}
            self._bar.set_description(f"epoch {last['epoch']}/{loop.epochs}", refresh=False)
            self._bar.set_postfix(figures)

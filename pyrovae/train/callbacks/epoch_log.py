"""Log a run's progress where no terminal shows a bar."""

import sys
from time import perf_counter

from ...runtime.log import LOG
from ...runtime.progress import in_notebook
from ..loop import Loop
from .base import Callback

_EVERY = 30.0  # seconds between two lines, at least
_SILENCE = 300.0  # seconds without a line after which one comes within an epoch
_FIRST, _ONCE = 200, 3  # of the first steps those few are the longest in which things are compiled


class EpochLog(Callback):
    """Logs a line for the first epoch, at most every 30 s, and for the last, as INFO of "pyrovae".

    Where an epoch takes longer than five minutes, lines within it say which step it is at. Nothing
    is logged where stderr is a terminal, which shows the `ProgressBar`. A script sees the lines
    once `logging` is configured, say by `logging.basicConfig(level="INFO")`.
    """

    every_step = False

    def __init__(self) -> None:
        self._is_on = False

    def on_start(self, loop: Loop) -> None:
        self._is_on = loop.rank == 0 and not (sys.stderr.isatty() or in_notebook())
        self._started, self._first_step = perf_counter(), loop.step
        self._last_line, self._logged = self._started, len(loop.history)
        self._due = self._started  # the first epoch is always logged
        self._last_step, self._step_seconds = self._started, list[float]()

    def on_compile(self, loop: Loop, seconds: float | None) -> None:
        if not self._is_on:
            return
        if seconds is None:
            LOG.info("compiling the step")
        else:
            LOG.info("compiled in %s", _as_text(seconds))
            self._last_step = perf_counter()

    def on_step(self, loop: Loop) -> None:
        if self._is_on and len(self._step_seconds) < _FIRST:
            now = perf_counter()
            self._step_seconds.append(now - self._last_step)
            self._last_step = now
        is_within = loop.batch < loop.steps_per_epoch
        if self._is_on and is_within and perf_counter() - self._last_line > _SILENCE:
            step = f"step {loop.batch}/{loop.steps_per_epoch}"
            self._log(f"epoch {loop.epoch}/{loop.epochs}, {step}", self._left(loop))

    def on_epoch(self, loop: Loop) -> None:
        goes_on = loop.epoch < loop.epochs and not loop.stopping  # else the line comes at the end
        if self._is_on and goes_on and perf_counter() >= self._due:
            self._log_epoch(loop, self._left(loop))

    def on_end(self, loop: Loop) -> None:
        if self._is_on and len(loop.history) > self._logged:
            self._log_epoch(loop, f"after {_as_text(perf_counter() - self._started)}")

    def _log_epoch(self, loop: Loop, time: str) -> None:
        entry = loop.history[-1]
        bounds = [f"{k} {entry[k]:.2f}" for k in ("train", "val") if entry[k] is not None]
        figures = [*bounds, f"lr {entry['lr']:.3g}", f"{_as_text(entry['seconds'])} an epoch"]
        self._log(f"epoch {entry['epoch']}/{loop.epochs}: {', '.join(figures)}", time)
        self._logged, self._due = len(loop.history), self._last_line + _EVERY

    def _log(self, what: str, time: str) -> None:
        LOG.info("%s, %s", what, time)
        self._last_line = perf_counter()

    def _left(self, loop: Loop) -> str:
        """By the pace so far, but for what the first steps took once."""
        done = loop.step - self._first_step
        ordered = sorted(self._step_seconds)
        longest, usual = ordered[-_ONCE:], ordered[len(ordered) // 4]
        paced = perf_counter() - self._started - sum(longest) + usual * len(longest)
        seconds = paced / done * (loop.total_steps - loop.step)
        return f"{_as_text(seconds)} left"


def _as_text(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"

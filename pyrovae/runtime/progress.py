"""Progress bars: on a terminal, in a notebook, and as lines of the log where neither shows one."""

import logging
import sys
from html import escape
from io import StringIO
from time import perf_counter
from typing import Any

from tqdm import tqdm

from .log import LOG

_DELAY = 2.0  # seconds before a bar shows
_SILENCE = 60.0  # seconds between lines of the log
_COUNTS = "{n:.0f}/{total_fmt}{unit} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"  # n may be 0.5


def progress_bar(
    total: int | None,
    unit: str,
    progress: bool | None = None,
    *,
    label: str = "",
    initial: int = 0,
    leave: bool | None = False,
    delay: float = _DELAY,
) -> "tqdm[Any]":
    """A bar that shows after two seconds, and leaves nothing behind.

    In a notebook it needs no widgets. It is a context manager; `update(n)` takes fractions.

    Args:
        total: How many of them there will be.
        unit: What is counted, in the plural: "data".
        progress: None shows it on a terminal and in a notebook, and elsewhere logs a line a minute
            as INFO of "pyrovae"; True always shows it, and at once; False never.
        label: What is in progress, before the bar.
        initial: How many are done.
        leave: Whether the bar stays when it is done; None where it is within no other.
        delay: Seconds before it shows.
    """
    kind, file, interval = tqdm, sys.stderr, 0.1
    delay = 0.0 if progress else delay
    if progress is not False and in_notebook():
        kind, file = _NotebookBar, StringIO()  # what tqdm itself writes is not wanted
    elif progress is None and not sys.stderr.isatty():
        kind, file, interval, delay, leave = _LogLines, StringIO(), _SILENCE, _SILENCE, False
        progress = LOG.isEnabledFor(logging.INFO)
    return kind(
        total=total, unit=f" {unit}", desc=label or None, initial=initial, file=file,
        disable=progress is False, delay=delay, leave=leave, mininterval=interval, miniters=0,
        dynamic_ncols=True, bar_format=f"{{l_bar}}{{bar}}| {_COUNTS}" if total else None,
    )  # fmt: skip


def tell(bar: "tqdm[Any]", what: str, so_far: str = "") -> None:
    """Say what is on turn, at once where the bar shows, and what is known by now."""
    if not bar.disable:
        bar.set_postfix_str(so_far, refresh=False)
        bar.set_description(what, refresh=bar.format_dict["elapsed"] >= bar.delay)


def say(bar: "tqdm[Any]", line: str) -> None:
    """Say what is known by now: above a bar that shows, and as a line of the log elsewhere.

    Work that ends before its bar shows says nothing.
    """
    if bar.disable or bar.format_dict["elapsed"] < min(_DELAY, bar.delay):
        return
    if isinstance(bar, _LogLines):
        LOG.info("%s", line)
    elif isinstance(bar, _NotebookBar):
        print(line)
    else:
        bar.write(line, file=sys.stderr)


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and "IPKernelApp" in getattr(shell, "config", {})


class _NotebookBar(tqdm):
    """A bar in HTML, in a display of its own that is emptied when it closes."""

    _handle: Any = None
    _is_last = False

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        text = str(self) if msg is None else msg
        if self._handle is None:
            if not text:
                return True
            from IPython.display import display

            self._handle = display(self._shown(text), raw=True, display_id=True)
        else:
            self._handle.update(self._shown(text), raw=True)
        return True

    def close(self) -> None:
        if not self.disable and self._handle is not None and not self.leave:
            self._handle.update({"text/plain": "", "text/html": ""}, raw=True)
            self._handle = None
        super().close()

    def _shown(self, text: str) -> dict[str, str]:
        if not text:
            return {"text/plain": "", "text/html": ""}
        if not self.total:
            return {"text/plain": text, "text/html": escape(text)}
        counts = self.format_meter(**{**self.format_dict, "ncols": None, "bar_format": _COUNTS})
        share = min(1.0, max(0.0, self.n / self.total))
        label = escape(self.desc.removesuffix(": ")) if self.desc else ""
        html = (
            f'{label} <progress max="1" value="{share:.4f}" style="vertical-align:middle">'
            f"</progress> {share:.0%} {escape(counts)}"
        )
        return {"text/plain": text, "text/html": html.strip()}


class _LogLines(tqdm):
    """A line of the log now and then, and when what is on turn changes."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401
        self._began = perf_counter()
        super().__init__(*args, **options)

    def set_description(self, desc: str | None = None, refresh: bool | None = True) -> None:
        super().set_description(desc, refresh=False)
        if desc and not self.disable and perf_counter() - self._began > _DELAY:
            LOG.info("%s: %.0f of %s%s", desc, self.n + 1, self.total, self.unit)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        if msg is None:
            values = {**self.format_dict, "ncols": None}
            values["bar_format"] = "{n:.0f}/{total_fmt}{unit}, {elapsed} gone, {remaining} left"
            text = self.format_meter(**values) if self.total else str(self)
            label = self.desc.removesuffix(": ") if self.desc else ""
            LOG.info("%s", f"{label}: {text}" if label and self.total else text)
        return True

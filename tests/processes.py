"""Processes forked from one that has the imports done, which take seconds each time."""

import multiprocessing
import os
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONTEXT = multiprocessing.get_context("forkserver")
# What `pyrovae` itself imports when it is first used.
_CONTEXT.set_forkserver_preload(
    [
        "torch", "pyro", "pyrovae.models", "pyrovae.objectives", "pyrovae.train",
        "pyrovae.evaluate", "pyrovae.reporting", "pyrovae.cli.fit", "matplotlib.pyplot",
        "sklearn.mixture", "sklearn.datasets", "torch.distributed.launcher.api",
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Done:
    """A process that has ended."""

    returncode: int | None
    stdout: str
    stderr: str


def forked(call: Callable[..., Any], *args: Any, cwd: Path, out: Path, timeout: float) -> Done:
    """Calls a function of a module in a process of its own; what it prints goes to files in `out`.

    Its exit code is that of the function's `SystemExit`, and None where it took too long.
    """
    out.mkdir(exist_ok=True)
    process = _CONTEXT.Process(target=_enter, args=(call, args, cwd, out))
    process.start()
    process.join(timeout)
    code = process.exitcode
    if code is None:
        process.kill()
    return Done(code, (out / "stdout").read_text(), (out / "stderr").read_text())


def script(path: Path, *words: str) -> None:
    """What `python path words` does."""
    sys.argv = [str(path), *words]
    sys.path.insert(0, str(path.parent))
    runpy.run_path(str(path), run_name="__main__")


def command(*words: str) -> None:
    """What `python -m pyrovae words` does."""
    sys.argv = ["pyrovae", *words]
    sys.path.insert(0, "")
    runpy.run_module("pyrovae", run_name="__main__", alter_sys=True)


def _enter(call: Callable[..., Any], args: tuple[Any, ...], cwd: Path, out: Path) -> None:
    os.chdir(cwd)
    for place, (name, stream) in enumerate([("stdout", sys.stdout), ("stderr", sys.stderr)], 1):
        stream.flush()
        os.dup2(os.open(out / name, os.O_CREAT | os.O_WRONLY), place)
    call(*args)

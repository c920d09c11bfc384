"""The `pyrovae` command.

Nothing heavy is imported here: `pyrovae --help` answers at once, and a command imports what it
needs.
"""

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib import import_module

from .. import __version__, apply
from ..errors import ConfigError
from ..runtime.interrupts import Interrupted
from ..runtime.log import log_on_stderr
from .explain import WRONG_INPUT, explain, wants_traceback
from .working_folder import unobeyed_working_folder

COMMANDS: dict[str, tuple[str, str]] = {
    "fit": ("fit.run_fit", "train a model and guide, measure them, write a run folder"),
    "evaluate": ("evaluate.run_evaluate", "measure a trained run on held-out data"),
    "diagnose": ("diagnose.run_diagnose", "say whether the latents of a run are used"),
    "check": ("check.run_check", "look for mistakes in a pair before it is trained"),
    "compare": ("compare.run_compare", "compare objectives on a trained run"),
    "compare-training": (
        "compare_training.run_compare_training",
        "train the model of a run with several objectives",
    ),
    "report": ("report.run_report", "write a page of a trained run, or of several side by side"),
    "entropies": ("entropies.run_entropies", "compare the ELBO with a sum of entropies"),
    "sample-quality": (
        "sample_quality.run_sample_quality",
        "measure how good the samples of a trained run are",
    ),
    "sample": ("sample.run_sample", "generate data from a trained run"),
    "reconstruct": ("sample.run_reconstruct", "encode test data and decode them again"),
    "traverse": ("disentangle.run_traverse", "change one latent unit at a time, and decode"),
    "disentangle": (
        "disentangle.run_disentangle",
        "compare the latents of a trained run with known factors",
    ),
    "compress": ("compress.run_compress", "code data without loss with a trained run"),
    "decompress": ("compress.run_decompress", "decode what compress wrote"),
    **{use: ("use.run_use", what) for use, what in apply.COMMANDS.items()},
}
"""By name, the file of this folder and its function, and what the command does."""

_USAGE = (
    "usage: pyrovae COMMAND [options]\n\n"
    "Variational autoencoders as Pyro programs.\n\n"
    + "\n".join(f"  {name:<18} {what}" for name, (_, what) in COMMANDS.items())
    + "\n\n`pyrovae COMMAND --help` lists the options of a command. `pyrovae --version` prints the"
    "\nversion, `pyrovae --completion bash` a script with which a shell completes options."
    "\n`--traceback`, or PYROVAE_TRACEBACK=1, shows where an error comes from.\n"
)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0; 2 for an error that the user can correct; 1 for one of this library; 130
        interrupted; 141 where the reader of the output has gone, as other tools of the shell give.
    """
    words = sys.argv[1:] if words is None else list(words)
    shows_traceback = wants_traceback(words)
    with unobeyed_working_folder():
        return _run(words, shows_traceback)


def _run(words: Sequence[str], shows_traceback: bool) -> int:
    try:
        code = _print_or_start(words)
        sys.stdout.flush()  # here, where an error is still reported
    except Warning:  # Python was started to raise warnings
        raise
    # The outermost edge of the process, and the one place where any error may be caught: what a
    # user gives can fail anywhere below, and is answered by a sentence.
    except BaseException as error:
        if shows_traceback and not isinstance(error, SystemExit):
            traceback.print_exc()
        sentence, code = explain(error)
        if isinstance(error, Interrupted):
            print(error.partial)
        if sentence:
            command = "".join(f" {word}" for word in words[:1] if word in COMMANDS)
            print(f"pyrovae{command}: {sentence}", file=sys.stderr)
        if isinstance(error, BrokenPipeError):
            _drop_output()
    finally:
        _flush_output()
    return code


def _print_or_start(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_USAGE, end="")
        return 0 if words else WRONG_INPUT
    if words[0] in ("--version", "-V"):
        print(__version__)
        return 0
    if words[0] == "--completion":
        script = import_module(".completion", __name__).completion_script
        print(script({name: _command(name) for name in COMMANDS}, " ".join(words[1:]) or "bash"))
        return 0
    if words[0] not in COMMANDS:
        near = get_close_matches(words[0], COMMANDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"use one of {', '.join(COMMANDS)}"
        raise ConfigError(f"there is no command '{words[0][:40]}'; {hint}")
    if any("\0" in word for word in words):
        raise ConfigError("an option holds a zero byte, which no file name or number does")
    with log_on_stderr():
        _command(words[0])(words[1:])
    return 0


def _command(name: str) -> Callable[[Sequence[str]], None]:
    file, _, function = COMMANDS[name][0].partition(".")
    found: Callable[..., None] = getattr(import_module(f".{file}", __name__), function)
    return partial(found, name) if file == "use" else found


def _flush_output() -> None:
    """Write out what has been printed. Drop it where that fails: Python would try again."""
    try:
        sys.stdout.flush()
    except OSError:
        _drop_output()


def _drop_output() -> None:
    try:
        output = sys.stdout.fileno()
    except OSError:  # it is no file
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, output)
    os.close(nowhere)

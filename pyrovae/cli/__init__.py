"""The `pyrovae` command."""

import os
import sys
from collections.abc import Callable, Sequence

from .. import __version__
from ..errors import PyrovaeError
from .compare import run_compare
from .compare_training import run_compare_training
from .disentangle import run_disentangle, run_traverse
from .evaluate import run_evaluate
from .fit import run_fit
from .safe_children import safe_child_processes
from .sample import run_reconstruct, run_sample

COMMANDS: dict[str, tuple[Callable[[Sequence[str]], None], str]] = {
    "fit": (run_fit, "train a model and guide, measure them, write a run folder"),
    "evaluate": (run_evaluate, "measure a trained run on held-out data"),
    "compare": (run_compare, "compare objectives on a trained run"),
    "compare-training": (run_compare_training, "train the model of a run with several objectives"),
    "sample": (run_sample, "generate data from a trained run"),
    "reconstruct": (run_reconstruct, "encode test data and decode them again"),
    "traverse": (run_traverse, "change one latent unit at a time, and decode"),
    "disentangle": (run_disentangle, "compare the latents of a trained run with known factors"),
}

_USAGE = (
    "usage: pyrovae COMMAND [options]\n\n"
    "Variational autoencoders as Pyro programs.\n\n"
    + "\n".join(f"  {name:<18} {what}" for name, (_, what) in COMMANDS.items())
    + "\n\n`pyrovae COMMAND --help` lists the options of a command.\n"
)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code: 0; 2 for an error that the user can correct; 130 interrupted; 141 where the
        reader of the output has gone, as other tools of the shell give.
    """
    words = sys.argv[1:] if words is None else list(words)
    if not words or words[0] in ("-h", "--help"):
        print(_USAGE, end="")
        return 0 if words else 2
    if words[0] == "--version":
        print(__version__)
        return 0
    with safe_child_processes():
        return _run(words)


def _run(words: Sequence[str]) -> int:
    try:
        if words[0] not in COMMANDS:
            known = ", ".join(COMMANDS)
            print(
                f"pyrovae: there is no command '{words[0]}'; use one of {known}", file=sys.stderr
            )
            return 2
        COMMANDS[words[0]][0](words[1:])
        sys.stdout.flush()  # here, where an error is still reported
    except SystemExit as finished:  # after --help
        return int(finished.code or 0)
    except PyrovaeError as error:
        print(f"pyrovae {words[0]}: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; `--resume` continues from the last checkpoint", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output has gone
        _drop_output()
        return 141
    except OSError as error:  # no space or no permission, for a file or for the output
        where = f"{error.filename}: " if error.filename else ""
        print(f"pyrovae {words[0]}: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    finally:
        _flush_output()
    return 0


def _one_line(message: str) -> str:
    """Without line breaks, and without control characters, which a file may hold."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(message.split()))


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

"""The folder of a run: what may be named, and what must not be replaced unasked."""

import os
from pathlib import Path

from ..errors import ConfigError

CHECKPOINTS = ("last.safetensors", "best.safetensors")


def check_run_dir(
    run_dir: str | os.PathLike[str] | None, *, resume: bool, overwrite: bool
) -> None:
    """Refuse what can be no run folder, and options that contradict each other.

    Raises:
        ConfigError: `run_dir` is no path; `resume` or `overwrite` is given without it, or both
            are given.
    """
    if run_dir is None:
        for name, does in (("resume", "continues"), ("overwrite", "replaces")):
            if {"resume": resume, "overwrite": overwrite}[name]:
                raise ConfigError(f"fit: {name} {does} the run in run_dir; give run_dir")
        return
    if resume and overwrite:
        raise ConfigError(
            "fit: resume continues the run in run_dir, and overwrite replaces it; give one of them"
        )
    if not isinstance(run_dir, str | os.PathLike) or not os.fspath(run_dir):
        raise ConfigError(f"fit: run_dir={run_dir!r}, needs the path of a folder")


def check_place(folder: Path) -> None:
    """Refuse a file, or a link to nowhere, where a run folder is to be.

    Raises:
        ConfigError: There is one; the message names it.
    """
    for path in (folder, *folder.parents):
        try:
            if path.is_dir():
                return
            is_there, is_file = os.path.lexists(path), path.exists()
        except (OSError, ValueError) as error:  # too long a name; ValueError: a zero byte
            raise ConfigError(
                f"run_dir={folder} cannot be written to "
                f"({getattr(error, 'strerror', None) or error}); choose another folder"
            ) from error
        if is_there:
            what = "is a file" if is_file else "is a link to nowhere"
            raise ConfigError(
                f"run_dir={folder} cannot be written to ({path} {what}); choose another folder"
            )


def refuse_run(folder: Path | None) -> None:
    """Refuse a folder that holds a run.

    Raises:
        ConfigError: It does.
    """
    if folder is not None and any((folder / name).exists() for name in CHECKPOINTS):
        raise ConfigError(
            f"fit: run_dir={folder} holds a run already; pass resume=True to continue it, "
            "overwrite=True to replace it, or another run_dir"
        )

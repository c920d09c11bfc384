"""What made a run: its command, data, device, versions and time, kept as a small file."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jsonargparse import Namespace

from ..data.base import pick_device
from ..errors import ConfigError
from ..reporting import device_in_words, versions
from ..runtime.files import save
from ..train import Run
from .build import Setup
from .kept_json import read_json
from .run_files import CONFIG

ORIGIN = "origin.json"
_MOST, _LONGEST = 40, 400  # entries, and letters of one


def origin_of(setup: Setup, config: Namespace, run: Run) -> dict[str, str]:
    """What is said of a run that has just been trained, by label."""
    data = setup.data
    sizes = f"{len(data.train)} train, {len(data.val)} validation, {len(data.test)} test"
    seconds = f"{run.seconds:.1f} s"
    if run.compile_seconds:
        seconds += f", after compiling for {run.compile_seconds:.1f} s"
    return {
        "data": f"{data.name}: {sizes}, of shape {list(data.shape)}, "
        f"binarised: {data.info.get('binarize', 'none')}",
        "model": str(config.model.name),
        "objective": repr(setup.objective),
        "trained": f"{len(run.history)} epochs, {run.steps} steps, {seconds}",
        "seed": str(config.seed),
        "device": device_in_words(pick_device(config.device)),
        "versions": versions(),
    }


def write_origin(run: Path, words: Sequence[str], about: Mapping[str, str]) -> None:
    """Keep it in the run folder.

    Args:
        run: The folder.
        words: Of the command line, after `pyrovae fit`.
        about: See `origin_of`.

    Raises:
        SaveError: It cannot be written.
    """
    save(run / ORIGIN, json.dumps({"words": list(words), "about": dict(about)}, indent=2) + "\n")


def read_origin(run: Path) -> tuple[list[str], dict[str, str]]:
    """Words and labels of a run folder, as texts of bounded length; empty where there are none.

    Raises:
        ConfigError: The file holds something else.
    """
    path = run / ORIGIN
    if not path.is_file():
        return [], {}
    held = read_json(path)
    words = held.get("words", []) if isinstance(held, dict) else None
    about = held.get("about", {}) if isinstance(held, dict) else None
    if not isinstance(words, list) or not isinstance(about, dict):
        raise ConfigError(f"{path} is not as `pyrovae fit` writes it; remove it")
    shown = {_short(k): _short(v) for k, v in list(about.items())[:_MOST]}
    return [str(word) for word in words], shown


def commands(run: Path, words: Sequence[str]) -> str:
    """How to run it again, as lines for a shell: whatever the words are, they are quoted."""
    again = shlex.join(["pyrovae", "fit", "--config", str(run / CONFIG), "--run", "NEW_FOLDER"])
    if not words:
        return again
    first = shlex.join(["pyrovae", "fit", *words])
    return f"# as it was run\n{first}\n# again, from what the folder holds\n{again}"


def _short(value: Any) -> str:  # noqa: ANN401
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

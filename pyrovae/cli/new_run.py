"""A run folder that `pyrovae fit` is to write: what it must not damage, and what it replaces."""

from pathlib import Path
from reprlib import repr as short
from typing import Any

import yaml
from jsonargparse import Namespace

from ..errors import ConfigError
from ..runtime.files import save
from ..train import Callback, Loop
from ..train.run_lock import LOCK, check_free
from .parser import Parser
from .run_folder import CONFIG, check_links
from .safe_yaml import read_yaml

_MADE = (
    "report.json", "curves.png", "reconstructions.png", "samples.png", "latents.png",
    "traversals.png",
)  # fmt: skip
_UNFINISHED = {LOCK, "history.jsonl"}  # files of a run that could not write its configuration
_MAY_CHANGE = {
    "epochs", "patience", "device", "memory", "data_root", "test_particles", "tensorboard", "lr",
    "lr_of", "schedule", "clip_norm",
}  # fmt: skip


def check_folder(run: Path, settings: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that is no run folder, or that holds a run which this would damage.

    Only files that `fit` writes are ever removed, and those only once the new run has started.

    Raises:
        ConfigError: The folder holds something else, or a run, or a run of other settings.
    """
    try:
        is_file = run.exists() and not run.is_dir()
    except OSError as error:  # too long a name
        raise ConfigError(
            f"--run {run}: {error.strerror or error}; name another folder"
        ) from error
    if is_file:
        raise ConfigError(f"{run} is a file; name a folder with --run")
    if run.is_dir():
        check_links(run)
    check_free(run)
    path = run / CONFIG
    if not path.is_file():
        if run.is_dir() and any(file.name not in _UNFINISHED for file in run.iterdir()):
            raise ConfigError(
                f"{run} holds files and no run; name a new or an empty folder with --run"
            )
        return
    if resume:
        _check_settings(path, settings)
    elif not overwrite and (run / "last.safetensors").exists():
        raise ConfigError(
            f"{run} already holds a run; pass --resume to continue it, --overwrite to replace it, "
            "or --run with another folder"
        )


def settings_of(parser: Parser, config: Namespace) -> dict[str, Any]:
    """The whole configuration, defaults included, as plain values."""
    # A None that is left out would be read as the default, which may be something else.
    content = yaml.safe_load(parser.dump(config, skip_unset=False))
    if "download" in content["data"]:
        content["data"]["download"] = False  # it is done, and opening a run must not fetch data
    return {k: v for k, v in content.items() if k not in ("config", "resume", "overwrite", "run")}


class WriteConfig(Callback):
    """Writes the configuration when training starts, in place of that of an earlier run.

    Args:
        run: The run folder.
        settings: What to write.
        fresh: Remove the table and the pictures of the run that this one replaces.
    """

    def __init__(self, run: Path, settings: dict[str, Any], *, fresh: bool) -> None:
        self.run, self.settings, self.fresh = run, settings, fresh

    def on_start(self, loop: Loop) -> None:
        try:
            for name in _MADE if self.fresh else ():
                (self.run / name).unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.run} cannot be written to ({error.strerror or error}); choose another "
                "folder with --run"
            ) from error
        save(self.run / CONFIG, yaml.safe_dump(self.settings, sort_keys=False))


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    kept = read_yaml(path)
    changed = [
        f"{name} (was {short(kept.get(name))}, now {short(value)})"
        for name, value in settings.items()
        if name not in _MAY_CHANGE and kept.get(name) != value
    ]
    if changed:
        raise ConfigError(
            f"--resume continues the run in {path.parent}, whose settings differ in "
            f"{', '.join(changed)}; leave these options out, or start a run in another folder"
        )

"""A run folder that `pyrovae fit` is to write: what it must not damage, and what it replaces."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import Namespace

from ..errors import ConfigError
from ..reporting import SAVED
from ..runtime.files import save
from ..runtime.plain_json import to_json
from ..train import Callback, Loop
from ..train.run_lock import LOCK, check_free
from .library import parts
from .parser import Parser
from .run_files import CONFIG, SUPPLIES, check_links
from .safe_yaml import read_yaml

_MADE = (
    "report.json", "report.html", "origin.json", "curves.png", "reconstructions.png",
    "samples.png", "latents.png", "traversals.png", "reconstructions.txt", "samples.txt",
    "samples.csv", *(f"{kind}_{i:02}.wav" for kind in ("reconstructions", "samples")
                     for i in range(SAVED)),
)  # fmt: skip
_UNFINISHED = {LOCK, "history.jsonl"}  # files of a run that could not write its configuration
_MAY_CHANGE = {
    "epochs", "patience", "device", "memory", "data_root", "test_particles", "tensorboard", "lr",
    "lr_of", "schedule", "clip_norm", "compile", "steps_per_call",
}  # fmt: skip
_INNER = ("class_path", "init_args", "name")  # steps that are no option of their own
_MOST = 3  # settings that a message names


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
    left_out = ("config", "resume", "overwrite", "run")
    return {k: _with_one_path(v) for k, v in content.items() if k not in left_out}


def _with_one_path(value: Any) -> Any:  # noqa: ANN401
    """A configuration whose classes of the library have one import path each, of several."""
    if isinstance(value, list):
        return [_with_one_path(part) for part in value]
    if isinstance(value, dict):
        found = {name: _with_one_path(part) for name, part in value.items()}
        if value.get("class_path") in parts():
            found["class_path"] = parts()[value["class_path"]][0]
        return found
    return value


class WriteConfig(Callback):
    """Writes the configuration when training starts, in place of that of an earlier run.

    Args:
        run: The run folder.
        settings: What to write.
        supplies: What the data supply to the pair, which is written beside it.
        fresh: Remove the table and the pictures of the run that this one replaces.
    """

    def __init__(
        self,
        run: Path,
        settings: dict[str, Any],
        supplies: Mapping[str, Any],
        *,
        fresh: bool,
    ) -> None:
        self.run, self.settings, self.supplies, self.fresh = run, settings, supplies, fresh

    def on_start(self, loop: Loop) -> None:
        try:
            for name in (*_MADE, SUPPLIES) if self.fresh else ():
                (self.run / name).unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{self.run} cannot be written to ({error.strerror or error}); choose another "
                "folder with --run"
            ) from error
        if self.supplies:
            save(self.run / SUPPLIES, to_json(self.supplies) + "\n")
        save(self.run / CONFIG, yaml.safe_dump(self.settings, sort_keys=False))


def _check_settings(path: Path, settings: dict[str, Any]) -> None:
    kept, now = by_place(read_yaml(path)), by_place(settings)
    changed = [
        f"{place} (was {_shown(kept.get(place))}, now {_shown(now.get(place))})"
        for place in {**now, **kept}
        if place.partition(".")[0] not in _MAY_CHANGE and kept.get(place) != now.get(place)
    ]
    if changed:
        more = f" and {len(changed) - _MOST} more" if len(changed) > _MOST else ""
        raise ConfigError(
            f"--resume continues the run in {path.parent}, whose settings differ in "
            f"{', '.join(changed[:_MOST])}{more}; leave these options out, or start a run in "
            "another folder"
        )


def by_place(value: Any, place: str = "") -> dict[str, Any]:  # noqa: ANN401
    """The plain values of settings by place, such as "model.encoder.hidden"."""
    if not isinstance(value, dict):
        return {place: value}
    found: dict[str, Any] = {}
    for name, part in value.items():
        found |= by_place(part, place if name in _INNER else f"{place}.{name}".strip("."))
    return found


def _shown(value: Any) -> str:  # noqa: ANN401
    text = str(value).rpartition(".")[2] if isinstance(value, str) else str(value)
    return "not given" if value is None else text if len(text) < 40 else f"{text[:40]}..."

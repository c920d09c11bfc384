"""A run folder: its configuration, its checkpoints, and the pair they belong to."""

import os
from collections.abc import Sequence
from pathlib import Path
from reprlib import repr as short
from typing import Any

import yaml
from jsonargparse import Namespace

from ..data.base import pick_device
from ..errors import CheckpointError, ConfigError
from ..report.batches import first_batch
from ..runtime.files import save
from ..train import Callback, Loop, load_checkpoint
from ..train.placement import place
from ..train.run_lock import LOCK, check_free
from .config import SECTIONS, Parser, Setup, build, parse
from .safe_yaml import read_yaml

CONFIG = "config.yaml"
MADE = (
    "report.json", "curves.png", "reconstructions.png", "samples.png", "latents.png",
    "traversals.png",
)  # fmt: skip
_BEGUN = {LOCK, "history.jsonl"}  # what a run leaves that found no room for its configuration
_MAY_CHANGE = {
    "epochs", "patience", "device", "memory", "data_root", "test_particles", "tensorboard", "lr",
    "schedule", "clip_norm",
}  # fmt: skip


def parse_opening(parser: Parser, words: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Parse the words of a command that opens a run, but for those that name the user's own.

    Args:
        parser: Of the command; it gains the options that name one's own again.
        words: Of the command line.

    Returns:
        The options of the command, and the words for `restore` or `configuration`.
    """
    for section in SECTIONS:
        parser.add_argument(
            f"--{section}",
            metavar="NAME",
            type=str,
            help=f"The {section} of the run, named again where it is your own; a part of it "
            f"likewise, as --{section}.OPTION NAME. A run folder by itself runs nothing.",
        )
    named, others, rest = [], [], list(words)
    while rest:
        word = rest.pop(0)
        option, given, _ = word.partition("=")
        if not option.startswith("--") or option[2:].split(".")[0] not in SECTIONS:
            others.append(word)
            continue
        named.append(word)
        if not given and rest:
            named.append(rest.pop(0))
    return parser.parse_args(others), named


def restore(
    run: Path, parser: Parser, checkpoint: str, device: str | None, words: Sequence[str] = ()
) -> Setup:
    """Rebuild what a run trained, with the parameters of a checkpoint.

    Args:
        run: The run folder.
        parser: The parser of `fit`, which wrote the configuration.
        checkpoint: "best", "last", or "auto": the best where there is one.
        device: Where to put it; None is CUDA when present.
        words: Of the command line, which name the user's own again.

    Raises:
        CheckpointError: The folder holds no run, or a checkpoint that does not fit it.
        ConfigError: The run names what the library does not have, and the words do not.
    """
    config = configuration(run, parser, words)
    setup = build(parser, config, config.seed)
    path = checkpoint_of(run, [checkpoint] if checkpoint != "auto" else ["best", "last"])
    batch = first_batch(setup.data.train)
    place(setup.pair.model, setup.pair.guide, batch, pick_device(device))
    moved = [tensor.to(pick_device(device)) for tensor in batch]
    meta = load_checkpoint(path, setup.pair.model, setup.pair.guide, *moved)
    if meta.get("kind") != path.stem:
        raise CheckpointError(
            f"{path} was written as {str(meta.get('kind'))[:20]}.safetensors; put the run's own "
            f"{path.name} there, or name the other with --checkpoint"
        )
    return setup


def checkpoint_of(run: Path, names: Sequence[str]) -> Path:
    """The checkpoint of a run by the first of these names that there is.

    Raises:
        CheckpointError: There is none.
    """
    found = [run / f"{name}.safetensors" for name in names]
    existing = [path for path in found if path.is_file()]
    if not existing:
        raise CheckpointError(f"{run} holds no checkpoint {' or '.join(names)}; train it first: "
                              "`pyrovae fit --run DIR --resume`")  # fmt: skip
    return existing[0]


def configuration(run: Path, parser: Parser, words: Sequence[str] = ()) -> Namespace:
    """What a run was told. It is data: of one's own it takes only what the words name again.

    Args:
        run: The run folder.
        parser: The parser of `fit`, which wrote it; it gains the options of what the run names.
        words: Of the command line, over what the run was told.

    Raises:
        CheckpointError: The folder holds no run.
        ConfigError: It names what the library does not have, or holds a link to elsewhere.
    """
    path = run / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{run} is no run folder: it holds no {CONFIG}; name one that "
                              "`pyrovae fit --run DIR` wrote")  # fmt: skip
    check_links(run)
    return parse(parser, words, run_file=path)


def check_links(run: Path) -> None:
    """Refuse a run folder in which writing, or reading, would happen elsewhere.

    Raises:
        ConfigError: It holds a link that leads out of it.
    """
    home = Path(os.path.realpath(run))
    for path in sorted(run.iterdir()):
        target = Path(os.path.realpath(path))  # `resolve` raises where links go in a circle
        if path.is_symlink() and home not in target.parents:
            raise ConfigError(
                f"{path} is a link to {target}, outside of the run folder, and what is "
                "written under that name would land there; put the file itself in its place"
            )


def check_folder(run: Path, settings: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that is no run folder, or that holds a run which this would damage.

    Nothing is ever removed but the files that `fit` writes, and those only once the new run has
    begun.

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
        if run.is_dir() and any(file.name not in _BEGUN for file in run.iterdir()):
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
        content["data"]["download"] = False  # done once; who opens the run decides anew
    return {k: v for k, v in content.items() if k not in ("config", "resume", "overwrite", "run")}


class WriteConfig(Callback):
    """Writes the configuration when training begins, in place of what an earlier run left.

    Args:
        run: The run folder.
        settings: What to write.
        fresh: Remove the table and the pictures of the run that this one replaces.
    """

    def __init__(self, run: Path, settings: dict[str, Any], *, fresh: bool) -> None:
        self.run, self.settings, self.fresh = run, settings, fresh

    def on_start(self, loop: Loop) -> None:
        try:
            for name in MADE if self.fresh else ():
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

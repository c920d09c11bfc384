"""A run folder: its configuration, its checkpoints, and the pair they belong to."""

from collections.abc import Sequence
from pathlib import Path
from reprlib import repr as short
from typing import Any

import torch
import yaml
from jsonargparse import Namespace

from ..data import Split
from ..data.base import pick_device
from ..errors import CheckpointError, ConfigError
from ..train import Callback, Loop, load_checkpoint
from ..train.files import save
from ..train.lock import LOCK, check_free
from ..train.placement import place
from .config import Parser, Setup, build, parse

CONFIG = "config.yaml"
MADE = (
    "report.json", "curves.png", "reconstructions.png", "samples.png", "latents.png",
    "traversals.png",
)  # fmt: skip
_MAY_CHANGE = {
    "epochs", "patience", "device", "memory", "data_root", "test_particles", "tensorboard", "lr",
    "schedule", "clip_norm",
}  # fmt: skip


def restore(run: Path, parser: Parser, checkpoint: str, device: str | None) -> Setup:
    """Rebuild what a run trained, with the parameters of a checkpoint, ready for measuring.

    Args:
        run: The run folder.
        parser: The parser of `fit`, which wrote the configuration.
        checkpoint: "best", "last", or "auto": the best where there is one.
        device: Where to put it; None is CUDA when present.

    Raises:
        CheckpointError: The folder holds no run, or a checkpoint that does not fit it.
    """
    config = configuration(run, parser)
    setup = build(parser, config, config.seed)
    path = checkpoint_of(run, [checkpoint] if checkpoint != "auto" else ["best", "last"])
    batch = first_batch(setup.data.train)
    place(setup.pair.model, setup.pair.guide, batch, pick_device(device))
    moved = [tensor.to(pick_device(device)) for tensor in batch]
    load_checkpoint(path, setup.pair.model, setup.pair.guide, *moved)
    to_measure(setup.pair)
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


def to_measure(pair: Any) -> None:  # noqa: ANN401
    """Put a pair that is a module into evaluation mode: no dropout, corruption or relaxation."""
    if isinstance(pair, torch.nn.Module):
        pair.eval()


def configuration(run: Path, parser: Parser) -> Namespace:
    """What a run was told.

    Args:
        run: The run folder.
        parser: The parser of `fit`, which wrote it; it gains the options of what the run names.

    Raises:
        CheckpointError: The folder holds no run.
    """
    path = run / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{run} is no run folder: it holds no {CONFIG}; name one that "
                              "`pyrovae fit --run DIR` wrote")  # fmt: skip
    return parse(parser, ["--config", str(path)])


def first_batch(split: Split, size: int = 2) -> tuple[torch.Tensor, ...]:
    """A small batch that a pair accepts; probabilities are drawn."""
    few = split[:size].binarized(0) if split.dynamic else split[:size]
    return (few.x, few.y) if few.with_labels and few.y is not None else (few.x,)


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
    check_free(run)
    path = run / CONFIG
    if not path.is_file():
        if run.is_dir() and any(file.name != LOCK for file in run.iterdir()):
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
    try:
        kept = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise CheckpointError(f"{path} is damaged ({str(error).splitlines()[0]})") from error
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

"""`pyrovae diagnose RUN`: whether the latents of a run are used, and what helps if not."""

from collections.abc import Sequence
from pathlib import Path

from ..data.base import pick_device
from ..errors import CheckpointError
from ..evaluate import diagnose
from ..reporting import save_figure
from ..train import Run
from .numbers import Count
from .options import add_held_out, make_run_parser
from .run_folder import parse_opening, restored


def run_diagnose(words: Sequence[str]) -> None:
    """Print the diagnosis, and leave it in the run folder as JSON and as a picture."""
    parser = make_run_parser(
        "diagnose",
        "Say whether the latents of a trained run are used, what else is wrong, and what helps. "
        "The history of the run is taken into account.",
    )
    add_held_out(parser, limit=2000)
    parser.add_argument("--num-particles", type=Count, default=10, help="Draws per datum.")
    config, named = parse_opening(parser, words)
    setup, run = restored(config, named)
    split = getattr(setup.data, config.split).subset(config.limit)
    split = split.binarized(config.seed) if split.dynamic else split
    found = diagnose(
        setup.pair.model,
        setup.pair.guide,
        split.to(pick_device(config.device)),
        history=_history(run),
        num_particles=config.num_particles,
        seed=config.seed,
    )
    try:
        print(found)
    finally:  # also where the reader of the output has gone
        found.to_json(run / "diagnose.json")
    save_figure(run / "diagnose.png", found.plot())
    print(run / "diagnose.json", run / "diagnose.png")


def _history(run: Path) -> Sequence[dict]:
    """Of the run; none where only a checkpoint is there."""
    try:
        return Run.read(run).history
    except CheckpointError:
        return ()

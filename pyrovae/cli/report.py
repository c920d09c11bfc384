"""`pyrovae report RUN [RUN ...]`: one page of a run, or of several side by side."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jsonargparse import Namespace

from ..data.base import pick_device
from ..errors import CheckpointError
from ..reporting import Report, Subject, finite_history, report, to_html, with_figures
from ..runtime.distributed import join
from ..train import Run
from .kept_results import KeptResults, kept_results
from .new_run import by_place
from .numbers import CountOrNone, Seed
from .options import EVIDENCE_PARTICLES, add_device, add_held_out
from .origin import commands, read_origin
from .page_file import PAGE, address, check_page_file
from .parser import make_parser
from .run_files import CONFIG, check_links
from .run_folder import parse_opening, restore
from .safe_yaml import read_yaml


def run_report(words: Sequence[str]) -> None:
    """Measure runs, and write a page of them."""
    parser = make_parser(
        "report",
        "Write one page of a trained run, or of several side by side: what was run, curves, "
        "pictures, measurements, a diagnosis, and what other commands left in the folder. It is "
        "one file that fetches nothing.",
        "RUN [RUN ...] ",
    )
    add = parser.add_argument
    add("run_folders", metavar="RUN", nargs="+", type=str,
        help="Folders that `pyrovae fit` wrote.")  # fmt: skip
    add("--checkpoint", choices=["auto", "best", "last"], default="auto",
        help="Which parameters; auto: the best by validation where there is one.")  # fmt: skip
    add_held_out(parser)
    add("--num-particles", type=CountOrNone, default=EVIDENCE_PARTICLES,
        help="Particles per datum of the NLL. 0: measure nothing, build nothing, and show what "
        "the files of the folders hold.")  # fmt: skip
    add("--seed", type=Seed, default=0, help="Seed of all draws.")
    add_device(parser)
    add("--out", type=str, metavar="FILE",
        help=f"The page; default: {PAGE} in the folder of a single run, else here.")  # fmt: skip
    config, named = parse_opening(parser, words)
    started = time.perf_counter()
    folders = [Path(folder) for folder in config.run_folders]
    out = Path(config.out or (folders[0] / PAGE if len(folders) == 1 else PAGE))
    check_page_file(out)
    join(config.device)
    reports = [of_folder(folder, config, named) for folder in folders]
    page = to_html(reports, out)
    size = len(page.encode()) / 1e6
    print(f"{size:.2f} MB, made in {time.perf_counter() - started:.1f} s")
    print(f"report: {address(out)}")


def of_folder(run: Path, config: Namespace, named: Sequence[str]) -> Report:
    """The report of a run folder: measured, or as its files have it.

    Args:
        run: The folder.
        config: The options of the command.
        named: Words that name the user's own again.

    Raises:
        CheckpointError: The folder holds no run, or a damaged one.
        ConfigError: The run names what the library does not have, and the words do not.
    """
    if not run.is_dir():
        raise CheckpointError(f"{run} is no folder; name one that `pyrovae fit --run DIR` wrote")
    check_links(run)
    kept, trained = kept_results(run), Run.read(run)
    words, about = read_origin(run)
    has_config = (run / CONFIG).is_file()
    identity = {"trained": f"{len(trained.history)} epochs, {trained.steps} steps"}
    known = Subject(
        name=str(run),
        history=finite_history(trained.history),
        settings=by_place(read_yaml(run / CONFIG)) if has_config else {},
        about=about or identity,
        command=commands(run, words) if has_config else "",
        tables=kept.tables,
        uses=kept.uses,
        remarks=kept.remarks,
    )
    if not config.num_particles or not has_config:
        return _as_kept(known, kept, has_config)
    setup = restore(run, config.checkpoint, config.device, named)
    split = getattr(setup.data, config.split).subset(config.limit or 2**62)
    split = split.to(pick_device(config.device))
    found = report(
        setup.pair.model,
        setup.pair.guide,
        split,
        num_particles=config.num_particles,
        seed=config.seed,
        history=trained.history,
    )
    found = with_figures(found, setup.pair, split)
    found = found.completed()
    made = found.subject
    compared = {name: picture for name, picture in kept.pictures.items() if name in kept.tables}
    measured = replace(
        known, parts=made.parts, evidence=made.evidence, units=made.units,
        diagnosis=made.diagnosis, pictures={**made.pictures, **compared}, readings=made.readings,
        about={**known.about, **made.about}, remarks=[*known.remarks, *made.remarks],
    )  # fmt: skip
    return replace(found, subject=measured)


def _as_kept(known: Subject, kept: KeptResults, has_config: bool) -> Report:
    """What the files of a folder hold, without building or measuring anything."""
    rows = [(name, _shown(value), "", "as fit measured it") for name, value in kept.facts.items()]
    why = "Nothing was measured for this page: it shows what the files of the folder hold."
    if not has_config:
        why = (
            f"Nothing was measured for this page: the folder holds no {CONFIG}, as a run of "
            "Python. There, report(model, guide, test, history=run.history) measures it."
        )
    subject = replace(known, pictures=kept.pictures, remarks=[why, *known.remarks])
    return Report(tuple(rows), dict(kept.facts), subject)


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)

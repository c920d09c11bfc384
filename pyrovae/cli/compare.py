"""`pyrovae compare RUN`: several objectives on what a run trained."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from .. import plots
from ..data.base import pick_device
from ..evaluate import Annealed, ais, compare
from ..reporting import save_figure
from .interrupted import kept_if_interrupted
from .numbers import Count, Positive
from .objective_words import make_objectives
from .options import add_evidence_particles, add_held_out, add_objectives, make_run_parser
from .outputs import csv_path, write_table
from .run_folder import parse_opening, restore

_EQUAL: dict[str, Literal["K", "decoder evaluations"]] = {
    "K": "K",
    "evaluations": "decoder evaluations",
}


def run_compare(words: Sequence[str]) -> None:
    """Print the table, and leave it in the run folder as CSV, JSON and a picture."""
    parser = make_run_parser(
        "compare", "Compare objectives on a trained run: bounds, gradients, cost."
    )
    add_objectives(parser)
    add_held_out(parser, limit=100)
    add_evidence_particles(parser)
    add = parser.add_argument
    add("--num-particles", type=Count, default=8,
        help="Particles of each objective, or decoder evaluations: see --equal.")  # fmt: skip
    add("--equal", choices=list(_EQUAL), default="K",
        help="Give each objective as many particles, or as many decoder evaluations "
        "per datum.")  # fmt: skip
    add("--truth", choices=["evidence", "ais"], default="evidence",
        help="What estimates log p(x): importance sampling, or annealed.")  # fmt: skip
    add("--draws", type=int,
        help="How many draws of each bound and gradient, two or more; without it until the "
        "figures that are printed hold.")  # fmt: skip
    add("--max-seconds", type=Positive, default=20.0,
        help="What all draws may take, beyond the fewest, without --draws.")  # fmt: skip
    add("--temperatures", type=Count, default=100, help="Temperatures of --truth ais.")
    add("--chains", type=Count, default=16, help="Chains of --truth ais.")
    add("--out", type=str, default="compare.csv", help="CSV file; .json and .png beside it.")
    config, named = parse_opening(parser, words)
    objectives = make_objectives(config.objectives, config.num_particles)
    run = Path(config.run_folder)
    out = csv_path(run, config.out, ".json", ".png")
    setup = restore(run, config.checkpoint, config.device, named)
    split = getattr(setup.data, config.split).subset(config.limit)
    call = setup.pair.model, setup.pair.guide, split.to(pick_device(config.device))
    truth: Annealed | Literal["evidence"] = "evidence"
    if config.truth == "ais":
        truth = ais(
            *call,
            num_particles=config.chains,
            num_temperatures=config.temperatures,
            seed=config.seed,
        )
    with kept_if_interrupted(out):
        found = compare(
            *call,
            objectives,
            truth=truth,
            num_particles=config.num_particles,
            equal=_EQUAL[config.equal],
            evidence_particles=config.evidence_particles,
            num_draws=config.draws,
            max_seconds=config.max_seconds,
            seed=config.seed,
        )
    write_table(found, out)
    save_figure(out.with_suffix(".png"), plots.comparison(found))
    print(*(out.with_suffix(suffix) for suffix in (".csv", ".json", ".png")))

"""`pyrovae compare-training RUN`: the architecture of a run, trained under several objectives."""

from collections.abc import Sequence
from pathlib import Path

from ..data import Split
from ..evaluate import compare_training
from .build import build, build_pair
from .fit_options import fit_parser, training_options
from .interrupted import kept_if_interrupted
from .numbers import Count, Seed
from .objective_words import make_objective
from .options import add_device, add_evidence_particles, add_held_out, add_objectives, add_run
from .outputs import csv_path, write_table
from .parser import make_parser
from .run_folder import configuration, parse_opening
from .supplies import read_supplies


def run_compare_training(words: Sequence[str]) -> None:
    """Train, print the table, and leave it in the run folder as CSV and JSON."""
    parser = make_parser(
        "compare-training",
        "Train the model and guide of a run from new initial parameters under several "
        "objectives, and compare the NLL on held-out data, measured by one evaluator for all. "
        "Each seed gives all objectives the same initial parameters and batches. Data, "
        "networks, batch size, learning rate, its schedule and clipping are those of the run (a "
        "--kl-warmup is not). The run itself is not changed.",
    )
    add_run(parser)
    add_objectives(parser, " The others are compared with the first.")
    add_held_out(parser)
    add_evidence_particles(parser)
    add_device(parser)
    add = parser.add_argument
    add("--num-particles", type=Count, default=8,
        help="Particles of the objectives that do not give theirs.")  # fmt: skip
    add("--epochs", type=Count, help="Passes over the training data; default: the run's.")
    add("--seeds", nargs="+", type=Seed, default=[0, 1, 2], metavar="SEED",
        help="Seeds of initial parameters, batches and noise; each objective is trained once "
        "with each.")  # fmt: skip
    add("--out", type=str, default="compare-training.csv", help="CSV file; .json beside it.")
    given, named = parse_opening(parser, words)
    objectives = [make_objective(name, given.num_particles) for name in given.objectives]
    run = Path(given.run_folder)
    out = csv_path(run, given.out, ".json")
    of_fit = fit_parser()
    config = configuration(run, of_fit, named)
    kept = read_supplies(run)
    data = build(of_fit, config, config.seed, kept).data
    held_out: Split = getattr(data, given.split).subset(given.limit or 2**62)
    with kept_if_interrupted(out):
        found = compare_training(
            lambda: build_pair(of_fit, config, data, kept),
            data.train,
            objectives,
            epochs=given.epochs or config.epochs,
            seeds=given.seeds,
            test=held_out,
            **training_options(config),
            num_particles=given.evidence_particles,
            device=given.device,
            on_run=lambda name, seed, nll: print(
                f"{name}, seed {seed}: NLL {nll:.3f}", flush=True
            ),
        )
    write_table(found, out)
    print(out, out.with_suffix(".json"))

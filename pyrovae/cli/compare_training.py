"""`pyrovae compare-training RUN`: the architecture of a run, trained under several objectives."""

import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse.typing import NonNegativeInt, PositiveInt

from ..data import Split
from ..errors import ConfigError
from ..evaluate import compare_training
from ..train.optim.joint import adam
from .config import build, build_pair, make_parser
from .fit import SCHEDULES, fit_parser
from .objective_words import make_objective
from .run_folder import configuration, parse_opening


def run_compare_training(words: Sequence[str]) -> None:
    """Train, print the table, and leave it in the run folder as CSV and JSON."""
    parser = make_parser(
        "compare-training",
        "Train what a run trained anew under several objectives, from the same initial "
        "parameters and on the same batches for each seed, and compare the NLL on held-out data "
        "by one evaluator for all. Data, networks, batch size, learning rate, its schedule and "
        "clipping are those of the run (a --kl-warmup is not); the run itself stays as it is.",
    )
    add = parser.add_argument
    add("run_folder", metavar="RUN", type=str, help="A folder that `pyrovae fit` left.")
    add("--objectives", nargs="+", type=str, default=["ELBO", "IWAE"], metavar="NAME",
        help="Names, with arguments if any: ELBO 'Renyi(alpha=0.5)' file.py:Mine. The first is "
        "what the others are compared with.")  # fmt: skip
    add("--num-particles", type=PositiveInt, default=8,
        help="Particles of those that do not name theirs.")  # fmt: skip
    add("--epochs", type=PositiveInt, help="Passes over the training data; default: the run's.")
    add("--seeds", nargs="+", type=NonNegativeInt, default=[0, 1, 2], metavar="SEED",
        help="Of starts, batches and noise: one training each per objective.")  # fmt: skip
    add("--split", choices=["test", "val"], default="test", help="Held-out data of the NLL.")
    add("--limit", type=PositiveInt, help="Only the first so many of them.")
    add("--evidence-particles", type=PositiveInt, default=1000, help="Particles of the NLL.")
    add("--out", type=str, default="compare-training.csv", help="CSV file; .json beside it.")
    add("--device", type=str, help="cuda, cpu, ...; default: CUDA when there is one.")
    given, named = parse_opening(parser, words)
    objectives = [make_objective(name, given.num_particles) for name in given.objectives]
    run = Path(given.run_folder)
    out = run / given.out
    if out.suffix != ".csv":
        raise ConfigError(f"--out {given.out}: name a .csv file; .json goes beside it")
    of_fit = fit_parser()
    config = configuration(run, of_fit, named)
    data = build(of_fit, config, config.seed).data
    held_out: Split = getattr(data, given.split).subset(given.limit or 2**62)
    found = compare_training(
        lambda: build_pair(of_fit, config, data.shape),
        data.train,
        objectives,
        epochs=given.epochs or config.epochs,
        seeds=given.seeds,
        test=held_out,
        batch_size=config.batch_size,
        drop_last=config.drop_last,
        optimizer=adam(config.lr, config.adam_eps),
        schedule=SCHEDULES[config.schedule](),
        clip_norm=config.clip_norm,
        num_particles=given.evidence_particles,
        device=given.device,
        on_run=lambda name, seed, nll: print(f"{name}, seed {seed}: NLL {nll:.3f}", flush=True),
        progress=sys.stderr.isatty(),
    )
    try:
        print(found)
    finally:  # also where whatever reads the output has gone
        found.to_csv(out)
        found.to_json(out.with_suffix(".json"))
    print(out, out.with_suffix(".json"))

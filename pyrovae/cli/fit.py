"""`pyrovae fit`: train a pair, measure it, and leave a run folder."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace
from jsonargparse.typing import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from ..data import SemiSupervisedBatches, Split
from ..data.base import pick_device
from ..errors import ConfigError
from ..models.capabilities import HasStrata
from ..objectives import ELBO, Beta
from ..report import pictures, report, save_pictures, with_figures
from ..runtime.distributed import Team, join
from ..train import Anneal, Callback, TensorBoard, fit
from ..train.optim import schedules
from ..train.optim.joint import adam
from .begin import begin
from .config import Parser, build, make_parser, parse
from .run_folder import CONFIG, WriteConfig, check_folder, settings_of

SCHEDULES = {
    "constant": schedules.constant,
    "cosine": schedules.cosine,
    "exponential": schedules.exponential,
    "iwae": schedules.iwae,
}


def fit_parser() -> Parser:
    """The options of `pyrovae fit`, without those of what it is asked to fit."""
    parser = make_parser(
        "fit",
        "Train a model and guide on data, measure the result on test data, and leave a run "
        "folder. --data, --model and --objective name what to use; each has options of its own, "
        "listed below for those that are named (so `pyrovae fit --data mnist --help` lists the "
        "options of mnist). An option may also stand in a YAML file.",
    )
    add = parser.add_argument
    add("--data-root", type=str, help="Folder of downloaded data; else $PYROVAE_DATA.")
    add("--labels", type=bool, default=False,
        help="Call a pair of one's own with (x, y) instead of (x).")  # fmt: skip
    add("--num-labelled", type=PositiveInt,
        help="Forget all labels of the training but so many, a fifth of each batch.")  # fmt: skip
    add("--missing", type=NonNegativeFloat, default=0.0,
        help="Take away this share of all values; y is the mask, for PartialVAE.")  # fmt: skip
    add("--quadrants", type=PositiveInt,
        help="Give so many quadrants of each image as y, and leave the others as x.")  # fmt: skip
    add("--from", type=str,
        help="Begin as that run ended, in the parts (encoder, ...) that fit.")  # fmt: skip
    add("--start", type=PositiveInt,
        help="Let clusters, codebooks, pseudo-inputs begin at so many data.")  # fmt: skip
    add("--only", type=str, nargs="+", metavar="PART",
        help="Train these parts of the pair, such as its prior, alone.")  # fmt: skip
    add("--epochs", type=PositiveInt, default=100, help="Passes over the training data.")
    add("--batch-size", type=PositiveInt, default=100, help="Data per step.")
    add("--drop-last", action="store_true",
        help="Leave out a last batch that is not whole, as batch norm may need.")  # fmt: skip
    add("--lr", type=PositiveFloat, default=1e-3, help="Learning rate of Adam.")
    add(
        "--adam-eps",
        type=NonNegativeFloat,
        default=1e-8,
        help="Adam's epsilon (1e-4 in the IWAE paper).",
    )
    add("--schedule", choices=list(SCHEDULES), default="constant", help="Of the learning rate.")
    add("--clip-norm", type=PositiveFloat, help="Largest gradient norm over all parameters.")
    add(
        "--patience",
        type=PositiveInt,
        help="Stop after so many epochs without a better validation.",
    )
    add("--kl-warmup", type=NonNegativeFloat, default=0.0,
        help="Epochs over which the KL weight of --objective Beta rises from 0.")  # fmt: skip
    add("--seed", type=NonNegativeInt, default=0, help="Of initial weights, batches and noise.")
    add("--device", type=str, help="cuda, cpu, ...; default: CUDA when there is one.")
    add("--compile", nargs="?", const="yes", default="no", choices=["no", "yes", "auto"],
        help="Capture and compile the training step; auto: if the run is long.")  # fmt: skip
    add("--steps-per-call", type=PositiveInt, default=1,
        help="Compiled: steps in one graph; 4 saves time on small models.")  # fmt: skip
    add("--precision", choices=["full", "tf32", "bf16"], default="full",
        help="bf16: networks in bfloat16; tf32: CUDA's matrix products with TF32.")  # fmt: skip
    add("--memory", type=PositiveInt,
        help="Bytes for one step; particles beyond them come in chunks.")  # fmt: skip
    add("--run", type=str, help="Run folder; default: runs/DATA-MODEL-OBJECTIVE-SEED.")
    add("--resume", action="store_true",
        help="Continue the run in that folder; lr, schedule, epochs may be others.")  # fmt: skip
    add("--overwrite", action="store_true", help="Replace the run in that folder.")
    add("--test-particles", type=NonNegativeInt, default=1000,
        help="Particles per datum of the closing NLL; 0 skips the measuring.")  # fmt: skip
    add("--tensorboard", action="store_true", help="Also log to TensorBoard, in the run folder.")
    return parser


def run_fit(words: Sequence[str]) -> None:
    """Train, measure, draw, and print a table."""
    started = time.perf_counter()
    parser = fit_parser()
    config = parse(parser, words, run_file=_its_configuration(words))
    run_dir = Path(config.run or _default_folder(config))
    settings = _spelled_out(settings_of(parser, config))
    team = join(config.device)
    check_folder(run_dir, settings, resume=config.resume, overwrite=config.overwrite)
    with team.first_before_others():  # it may have to fetch the data
        setup = build(parser, config, config.seed)
    data, model, guide = setup.data, setup.pair.model, setup.pair.guide
    train, val, test = data.train, data.val, data.test
    callbacks, val_objective = _callbacks(config, setup.objective, run_dir)
    if team.first:
        callbacks.append(WriteConfig(run_dir, settings, fresh=not config.resume))
    ranks = "" if team.alone else f", {team.size} ranks"
    say = print if team.first else _say_nothing
    say(
        f"{data.name} ({len(train)} train, {len(val)} validation, {len(test)} test, binarised: "
        f"{data.info.get('binarize', 'none')}), {config.model.name}, {setup.objective!r}, "
        f"{pick_device(config.device)}{ranks} -> {run_dir}"
    )

    for line in begin(setup, config, run_dir):
        say(line)
    if isinstance(setup.pair, HasStrata) and type(setup.objective) is ELBO:
        say(f"advice: --objective StratifiedELBO --objective.num_particles "
            f"{setup.pair.num_strata} sums over the classes, which ELBO draws")  # fmt: skip
    batches: Split | SemiSupervisedBatches = train
    if config.num_labelled:
        batches = SemiSupervisedBatches(
            train, config.batch_size, num_labelled=max(1, config.batch_size // 5),
            seed=config.seed, device=config.device, drop_last=config.drop_last,
        )  # fmt: skip
    run = fit(
        model,
        guide,
        batches,
        objective=setup.objective,
        epochs=config.epochs,
        batch_size=config.batch_size,
        drop_last=config.drop_last,
        optimizer=adam(config.lr, config.adam_eps),
        schedule=SCHEDULES[config.schedule](),
        clip_norm=config.clip_norm,
        val=val if len(val) else None,
        val_objective=val_objective,
        callbacks=callbacks,
        patience=config.patience,
        run_dir=run_dir,
        resume=config.resume,
        device=config.device,
        compile={"no": False, "yes": True}.get(config.compile, "auto"),
        steps_per_call=config.steps_per_call,
        precision=config.precision,
        memory=config.memory,
        seed=config.seed,
    )

    trained = time.perf_counter()
    peak = "" if run.peak_bytes is None else f", {run.peak_bytes / 1e6:.0f} MB at the peak"
    compiling = f", after compiling for {run.compile_seconds:.1f} s" if run.compile_seconds else ""
    say(f"trained {run.steps} steps in {run.seconds:.1f} s{compiling}{peak}")
    if config.test_particles > 0:
        if len(val):
            run.load_best()
        measure(setup, test, config, run_dir, run.history, team)
        say(f"measured in {time.perf_counter() - trained:.1f} s; "
              f"all in {time.perf_counter() - started:.1f} s")  # fmt: skip
    say(f"run folder: {run_dir}")


def measure(
    setup: Any,  # noqa: ANN401
    test: Any,  # noqa: ANN401
    config: Namespace,
    run_dir: Path,
    history: list[dict[str, Any]] | None,
    team: Team,
) -> None:
    """Print the table, and leave it and the pictures in the run folder; every rank works on it."""
    held_out = test.to(pick_device(config.device))
    model, guide = setup.pair.model, setup.pair.guide
    found = report(
        model,
        guide,
        held_out,
        num_particles=config.test_particles,
        progress=team.first and sys.stderr.isatty(),
        sharded=not team.alone,
    )
    if not team.first:
        return
    found = with_figures(found, setup.pair, held_out)
    try:
        print(found)
    finally:  # also where whatever reads the output has gone
        found.save(run_dir / "report.json")
    saved = save_pictures(pictures(model, guide, held_out, history=history), run_dir)
    print("pictures:", ", ".join(path.name for path in saved))


def _say_nothing(*_: Any) -> None:  # noqa: ANN401
    """What the ranks other than the first print."""


def _spelled_out(settings: dict[str, Any]) -> dict[str, Any]:
    """The same with the defaults of defaults written out, as the next reading would have them."""
    again = fit_parser()
    return settings_of(again, parse(again, [], settings))


def _its_configuration(words: Sequence[str]) -> Path | None:
    """A run that is resumed says by itself what it is; words go over that."""
    early = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in ("--run", "--config"):
        early.add_argument(name)
    early.add_argument("--resume", action="store_true")
    known, _ = early.parse_known_args(list(words))
    kept = Path(known.run or "") / CONFIG
    if known.resume and known.run and not known.config and kept.is_file():
        return kept
    return None


def _callbacks(
    config: Namespace,
    objective: Any,  # noqa: ANN401
    run_dir: Path,
) -> tuple[list[Callback], Any]:
    found: list[Callback] = [TensorBoard(run_dir / "tensorboard")] if config.tensorboard else []
    if config.kl_warmup <= 0:
        return found, None
    if not isinstance(objective, Beta) or not isinstance(objective.beta, float):
        raise ConfigError(
            "--kl-warmup raises the one KL weight of --objective Beta; choose that, with "
            "--objective.beta 1.0 for a plain ELBO at the end"
        )
    final = objective.beta
    judge = Beta(final, objective.num_particles, closed_form_kl=objective.closed_form_kl)
    objective.beta = torch.zeros((), device=pick_device(config.device))
    return [*found, Anneal(objective.beta, 0.0, final, epochs=config.kl_warmup)], judge


def _default_folder(config: Namespace) -> str:
    names = (config[section]["name"] for section in ("data", "model", "objective"))
    parts = [name.replace("/", "_").replace(":", "_") for name in names]
    return f"runs/{'-'.join(parts)}-{config.seed}"

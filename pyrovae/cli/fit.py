"""`pyrovae fit`: train a pair, measure it, and leave a run folder."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from jsonargparse import Namespace

from ..data import Dataset, SemiSupervisedBatches, Split, like_lengths
from ..data.base import pick_device
from ..data.minibatches import Minibatches
from ..errors import ConfigError
from ..models.capabilities import HasStrata
from ..objectives import ELBO, Beta
from ..reporting import (
    Arrays,
    Images,
    Report,
    Subject,
    finite_history,
    form_of,
    made_of,
    pictures,
    report,
    save_pictures,
    to_html,
    with_figures,
)
from ..runtime.distributed import Team, join
from ..train import Anneal, Callback, CSVLogger, CyclicAnneal, Run, TensorBoard, fit
from ..train.curves import bound_in_words
from .build import Setup, build, computing
from .config import parse
from .fit_options import fit_parser, training_options
from .initial import set_initial
from .new_run import WriteConfig, by_place, check_folder, settings_of
from .origin import commands, origin_of, write_origin
from .own_files import with_files
from .page_file import PAGE, address
from .run_files import CONFIG
from .supplies import read_supplies, supplied_to_pair


def run_fit(words: Sequence[str]) -> None:
    """Train, measure, draw, and print a table."""
    started = time.perf_counter()
    parser = fit_parser()
    config = parse(parser, words, run_file=_file_of_resumed(words))
    if config.resume and config.overwrite:
        raise ConfigError(
            "--resume continues a run and --overwrite replaces it; leave one of them out"
        )
    pick_device(config.device)
    training_options(config)  # refuses what does not fit before the data are read
    run_dir = Path(config.run or _default_folder(config))
    settings = _spelled_out(settings_of(parser, config))
    team = join(config.device)
    check_folder(run_dir, settings, resume=config.resume, overwrite=config.overwrite)
    with team.first_before_others():  # it may have to fetch the data
        kept = read_supplies(run_dir) if config.resume and (run_dir / CONFIG).is_file() else None
        setup = build(parser, config, config.seed, kept)
    supplies = supplied_to_pair(config, setup.data)
    callbacks, val_objective = _callbacks(config, setup.objective, run_dir)
    if team.first:
        callbacks.append(WriteConfig(run_dir, settings, supplies, fresh=not config.resume))
    say = print if team.first else _say_nothing
    say(_headline(setup, config, team, run_dir))
    with computing(config, setup.data):
        for line in set_initial(setup, config, run_dir):
            say(line)
    if isinstance(setup.pair, HasStrata) and type(setup.objective) is ELBO:
        say(f"advice: --objective StratifiedELBO --objective.num_particles "
            f"{setup.pair.num_strata} sums over the classes, which ELBO draws")  # fmt: skip

    with computing(config, setup.data):
        run = _train(setup, config, callbacks, val_objective, run_dir)

    trained = time.perf_counter()
    about = origin_of(setup, config, run)
    if team.first:
        write_origin(run_dir, words, about)
    page = Report((), {}, Subject(
        name=str(run_dir),
        history=finite_history(run.history),
        settings=by_place(settings),
        about=about,
        command=commands(run_dir, words),
    ))  # fmt: skip
    peak = "" if run.peak_bytes is None else f", {run.peak_bytes / 1e6:.0f} MB at the peak"
    compiling = f", after compiling for {run.compile_seconds:.1f} s" if run.compile_seconds else ""
    say(f"trained {run.steps} steps in {run.seconds:.1f} s{compiling}{peak}")
    if config.test_particles > 0:
        if len(setup.data.val):
            run.load_best()
        with computing(config, setup.data):
            page = _measure(setup, config, run_dir, page, run.history, team)
        say(f"measured in {time.perf_counter() - trained:.1f} s; "
              f"all in {time.perf_counter() - started:.1f} s")  # fmt: skip
    say(f"run folder: {run_dir}")
    if team.first:
        drawn = time.perf_counter()
        to_html([page], run_dir / PAGE)
        say(f"report, in {time.perf_counter() - drawn:.1f} s: {address(run_dir / PAGE)}")


def _headline(setup: Setup, config: Namespace, team: Team, run_dir: Path) -> str:
    """What is trained on what, and where it is written."""
    data: Dataset = setup.data
    ranks = "" if team.alone else f", {team.size} ranks"
    return (
        f"{data.name} ({len(data.train)} train, {len(data.val)} validation, {len(data.test)} "
        f"test, binarised: {data.info.get('binarize', 'none')}), {config.model.name}, "
        f"{setup.objective!r}, {pick_device(config.device)}{ranks} -> {run_dir}"
    )


def _train(
    setup: Setup,
    config: Namespace,
    callbacks: list[Callback],
    val_objective: Any,  # noqa: ANN401
    run_dir: Path,
) -> Run:
    train, val = setup.data.train, setup.data.val
    batches: Split | Minibatches = train
    if config.num_labelled:
        batches = SemiSupervisedBatches(
            train, config.batch_size, num_labelled=max(1, config.batch_size // 5),
            seed=config.seed, device=config.device, drop_last=config.drop_last,
        )  # fmt: skip
    elif config.like_lengths:
        batches = like_lengths(
            train, config.batch_size, seed=config.seed, device=config.device,
            drop_last=config.drop_last,
        )  # fmt: skip
    return fit(
        setup.pair.model,
        setup.pair.guide,
        batches,
        objective=setup.objective,
        epochs=config.epochs,
        **training_options(config),
        val=val if len(val) else None,
        val_objective=val_objective,
        callbacks=callbacks,
        patience=config.patience,
        run_dir=run_dir,
        resume=config.resume,
        overwrite=config.overwrite,
        device=config.device,
        compile={"no": False, "yes": True}.get(config.compile, "auto"),
        steps_per_call=config.steps_per_call,
        precision=config.precision,
        memory=config.memory,
        seed=config.seed,
    )


def _measure(
    setup: Setup,
    config: Namespace,
    run_dir: Path,
    page: Report,
    history: list[dict[str, Any]],
    team: Team,
) -> Report:
    """Print the table of the test data, and leave it and the pictures in the run folder.

    Every rank takes part, and the first one writes.

    Returns:
        What the page shows, with the measurements.
    """
    test = setup.data.test.to(pick_device(config.device))
    model, guide = setup.pair.model, setup.pair.guide
    found = report(
        model,
        guide,
        test,
        num_particles=config.test_particles,
        progress=None if team.first else False,
        sharded=not team.alone,
    )
    if not team.first:
        return page
    found = with_figures(found, setup.pair, test)
    try:
        print(found)
    finally:  # also where the reader of the output has gone
        found.to_json(run_dir / "report.json")
    named = bound_in_words(setup.objective)
    form, made = form_of(setup.pair, test[:1].x), None
    if not isinstance(form, Images | Arrays):
        made = made_of(setup.pair, model, guide, test, form)
    drawn = pictures(model, guide, test, history=history, bound=named, pair=setup.pair, made=made)
    saved = save_pictures(drawn, run_dir)
    print("pictures:", ", ".join(path.name for path in saved))
    known = page.subject
    if made is not None:
        files = form.save(made, run_dir)
        if files:
            print(f"{form.kind}:", ", ".join(path.name for path in files))
        remarks = [*known.remarks, *made.remarks]
        known = replace(known, readings=form.parts(made), remarks=remarks)
    subject = replace(
        found.subject, name=known.name, history=known.history, settings=known.settings,
        readings=known.readings, remarks=[*found.subject.remarks, *known.remarks],
        about={**known.about, **found.subject.about}, command=known.command, pictures=drawn,
    )  # fmt: skip
    return replace(found, subject=subject).completed()


def _say_nothing(*_: Any) -> None:  # noqa: ANN401
    """What the ranks other than the first print."""


def _spelled_out(settings: dict[str, Any]) -> dict[str, Any]:
    """The same after one more reading, which writes out the defaults of classes that are named."""
    again = fit_parser()
    return with_files(settings_of(again, parse(again, [], settings)))


def _file_of_resumed(words: Sequence[str]) -> Path | None:
    """The configuration of the run that `--resume` names, unless `--config` gives another."""
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
    """Callbacks of the options, and the objective of the validation, None for the same."""
    found: list[Callback] = [TensorBoard(run_dir / "tensorboard")] if config.tensorboard else []
    found += [CSVLogger()] if config.csv else []
    if config.kl_warmup <= 0 and config.kl_cycles is None:
        return found, None
    option = "--kl-warmup" if config.kl_cycles is None else "--kl-cycles"
    if config.kl_warmup > 0 and config.kl_cycles is not None:
        raise ConfigError("--kl-warmup and --kl-cycles both raise the KL weight; give one of them")
    if not isinstance(objective, Beta) or not isinstance(objective.beta, float):
        raise ConfigError(
            f"{option} raises the one KL weight of --objective Beta; choose that, with "
            "--objective.beta 1.0 for a plain ELBO at the end"
        )
    final = objective.beta
    at_the_end = Beta(final, objective.num_particles, closed_form_kl=objective.closed_form_kl)
    weight = objective.beta = torch.zeros((), device=pick_device(config.device))
    if config.kl_cycles is not None:
        return [*found, CyclicAnneal(weight, 0.0, final, cycles=config.kl_cycles)], at_the_end
    return [*found, Anneal(weight, 0.0, final, epochs=config.kl_warmup)], at_the_end


def _default_folder(config: Namespace) -> str:
    names = (config[section]["name"] for section in ("data", "model", "objective"))
    parts = [name.replace("/", "_").replace(":", "_") for name in names]
    return f"runs/{'-'.join(parts)}-{config.seed}"

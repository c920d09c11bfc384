"""One architecture trained under several objectives, compared by the NLL of test data."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from itertools import product
from os import PathLike
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal

import pyro
import torch
from pyro.infer import ELBO as PyroELBO
from torch import Tensor, nan

from ...data import Batchable, Dataset, Rows, Split
from ...data.base import pick_device
from ...data.columns import Columns, Transform
from ...errors import ConfigError
from ...particles.argument_types import argument_types
from ...particles.device import to_device_of
from ...particles.modes import Mode
from ...particles.pair import HasPair, Programs, is_program, programs_of
from ...particles.parameters import trainable
from ...runtime.interrupts import Interrupted, whole_or_nothing
from ...runtime.progress import progress_bar
from ...train import fit
from ...train.optim.rates import LearningRate
from ...train.optim.schedules import ScheduleLike
from ...train.optim.source import OptimizerLike
from ..compared_objectives import drawing, unique_names
from ..inputs import Data, Inputs
from ..log_evidence import log_evidence
from .training_comparison import TrainingComparison


def compare_training(
    make_pair: Callable[[], HasPair],
    data: Batchable,
    objectives: Sequence[PyroELBO] | Mapping[str, PyroELBO],
    *,
    epochs: int,
    seeds: Sequence[int] = (0, 1, 2),
    test: Data | None = None,
    batch_size: int = 100,
    drop_last: bool = False,
    columns: Columns | None = None,
    transform: Transform | None = None,
    lr: LearningRate | None = None,
    optimizer: OptimizerLike | None = None,
    weight_decay: float | None = None,
    schedule: ScheduleLike | None = None,
    ema: float | None = None,
    clip_norm: float | None = None,
    num_particles: int = 1000,
    evaluation_seed: int = 0,
    mode: Mode = "evaluation",
    run_dir: str | PathLike[str] | None = None,
    device: torch.device | str | None = None,
    compile: bool | Literal["auto"] = "auto",
    on_run: Callable[[str, int, float], None] | None = None,
    vectorize_particles: bool = True,
    progress: bool | None = None,
) -> TrainingComparison:
    """Train one architecture under several objectives and seeds; compare the NLL on test data.

    For one seed all objectives start from the same parameters and see the same batches, so that
    their results are paired. All are measured by `log_evidence` after the last epoch: training
    bounds of different estimators cannot be compared. The caller's
    random streams move; Pyro's parameter store stays as it was.

    Args:
        make_pair: Makes an object with a `model` and a `guide`; called after seeding. A pair
            that is made already would train on from run to run, and is refused.
        data: What to train on (of a dataset its `train`); see `fit`.
        objectives: As they should be named, or in order, under their own names.
        epochs: Passes over the data, for all alike.
        seeds: Of initial parameters, batches and noise.
        test: What to measure on; by default the `test` of a dataset.
        batch_size: See `fit`, as for the next seven.
        num_particles: Of `log_evidence`.
        evaluation_seed: Of its draws, the same for all.
        mode: In which it runs the networks. Training runs them in the mode they are in.
        run_dir: A folder that keeps a run folder each, so that a comparison that was stopped
            continues where it was.
        device: See `fit`.
        compile: See `fit`, which with "auto" compiles a run that is long enough to gain by it.
            Measuring compiles where it gains, unless this is False.
        vectorize_particles: False draws all particles one by one, in training and measuring;
            True draws those of an objective as it says.
        on_run: Called with name, seed and NLL as each run ends.
        progress: See `SweepOptions`; one bar for all runs, and one for each.

    Raises:
        ConfigError: There are no objectives, seeds or test data, or `make_pair` makes other
            parameters when it is called again after the same seed.
        Interrupted: An interrupt came after the first run; its `partial` is of the runs before.
            With `run_dir` the same call continues.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> from pyrovae.objectives import ELBO, IWAE
        >>> x = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0).sample(200, seed=1)
        >>> table = compare_training(
        ...     lambda: LinearGaussian.random(data_dim=5, latent_dim=2, seed=3),
        ...     x, [ELBO(), IWAE(4)], epochs=2, seeds=(0, 1), test=x, num_particles=50,
        ...     device="cpu", progress=False,
        ... )
        >>> [row["objective"] for row in table.rows], table.rows[0]["difference"]
        (['ELBO(num_particles=1)', 'IWAE(num_particles=4)'], 0.0)
    """
    if not is_program(make_pair):
        raise ConfigError(
            f"compare_training: make_pair is of type {type(make_pair).__name__}, needs a function "
            "that makes a new pair in every call, such as `lambda: VAE((784,), 20)`"
        )
    if not isinstance(objectives, Mapping):
        objectives = dict(zip(unique_names(objectives), objectives, strict=True))
    if not objectives or not seeds:
        raise ConfigError(
            f"compare_training got {len(objectives)} objectives and {len(seeds)} seeds, needs one "
            "or more of both"
        )
    held_out = _held_out(data, test, evaluation_seed)
    measured = Inputs.of(held_out, columns=columns, transform=transform).source
    device = pick_device(device)
    training: dict[str, Any] = {
        "epochs": epochs, "batch_size": batch_size, "drop_last": drop_last, "lr": lr,
        "optimizer": optimizer, "weight_decay": weight_decay, "schedule": schedule, "ema": ema,
        "clip_norm": clip_norm, "device": device, "compile": compile, "progress": progress,
        "columns": columns, "transform": transform,
    }  # fmt: skip
    measuring: dict[str, Any] = {
        "num_particles": num_particles, "compile": compile and "auto", "seed": evaluation_seed,
        "vectorize_particles": vectorize_particles, "mode": mode, "progress": progress,
    }  # fmt: skip
    facts = {
        "epochs": epochs,
        "seeds": list(seeds),
        "num_particles": num_particles,
        "num_test": len(measured),
        "device": str(device),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in objectives}
    total, done = len(seeds) * len(objectives), 0
    starts: dict[int, dict[str, Tensor]] = {}
    try:
        with progress_bar(total, "runs", progress) as bar, whole_or_nothing():
            for seed, (name, objective) in product(seeds, objectives.items()):
                bar.set_description(f"{name}, seed {seed}", refresh=False)
                if run_dir is not None:
                    training |= {"run_dir": Path(run_dir) / f"{name}-{seed}", "resume": True}
                with pyro.get_param_store().scope():
                    pyro.set_rng_seed(seed)
                    pair = programs_of(make_pair(), "compare_training: what make_pair makes")
                    starts = {seed: _same_start(starts.get(seed), pair, measured, seed)}
                    own = copy(drawing(objective, vectorize_particles))
                    run = fit(*pair, data, objective=own, seed=seed, **training)
                    nll = -log_evidence(*pair, measured, **measuring).mean()
                found[name].append({"nll": nll, "seconds": run.seconds, "steps": run.steps})
                done += 1
                bar.update()
                if on_run is not None:
                    on_run(name, seed, nll)
    except KeyboardInterrupt:
        if not done:
            raise
        table = _table(found, facts)
        raise Interrupted(f"{done} of {total} runs", table) from None
    return _table(found, facts)


def _table(found: dict[str, list[dict[str, float]]], facts: dict[str, Any]) -> TrainingComparison:
    first = [run["nll"] for run in next(iter(found.values()))]
    rows = [_row(name, runs, first) for name, runs in found.items() if runs]
    return TrainingComparison(rows, facts)


def _row(name: str, runs: list[dict[str, float]], first: list[float]) -> dict[str, Any]:
    nll = [run["nll"] for run in runs]
    differences = [a - b for a, b in zip(nll, first, strict=False)]  # the same seeds
    return {
        "objective": name,
        "nll": mean(nll),
        "nll_sd": stdev(nll) if len(nll) > 1 else nan,
        "difference": mean(differences),
        "difference_sd": stdev(differences) if len(differences) > 1 else nan,
        "nll_by_seed": nll,
        "milliseconds": 1e3 * sum(r["seconds"] for r in runs) / sum(r["steps"] for r in runs),
        "steps": int(runs[0]["steps"]),
    }


def _held_out(data: Batchable, test: Data | None, seed: int) -> Data:
    if test is None and isinstance(data, Dataset):
        test = data.test
    if test is None:
        raise ConfigError(
            "compare_training has no test data; give test=, or a dataset as data, such as "
            "data.arrays(x, val=0.1, test=0.2)"
        )
    return test.binarized(seed) if isinstance(test, Split) and test.dynamic else test


def _same_start(
    start: dict[str, Tensor] | None,
    pair: Programs,
    data: Rows,
    seed: int,
) -> dict[str, Tensor]:
    batch = to_device_of(*pair, data[:2])
    batch = argument_types(*pair, batch)(batch)
    leaves = trainable(*pair, *batch)
    if start is None:
        return {name: leaf.detach().clone() for name, leaf in leaves.items()}
    same = start.keys() == leaves.keys() and all(
        torch.equal(start[name], leaf.detach()) for name, leaf in leaves.items()
    )
    if not same:
        raise ConfigError(
            f"make_pair gave other parameters when it was called again after seed {seed}, so runs "
            "would not be paired; make a new pair in every call, with random numbers of torch, "
            "numpy or Python only"
        )
    return start

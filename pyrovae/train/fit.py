"""Train a pair: the loop around `SVI`, to be read from top to bottom."""

import math
from collections.abc import Sequence
from os import PathLike
from time import perf_counter
from typing import Any, Literal, SupportsIndex

import torch
from pyro.infer import ELBO as PyroELBO

from ..data import Batchable, Dataset, held_out
from ..data.base import check_flags
from ..data.columns import Columns, Transform
from ..errors import ConfigError
from ..objectives import ELBO
from ..particles.pair import takes_pair
from ..particles.param_store import without_networks
from ..particles.tracing import Program
from ..runtime.grad_mode import computes_gradients
from ..runtime.interrupts import Interrupted
from ..runtime.random_state import restore_random_state
from .callbacks import Callback, EarlyStopping, EpochLog, ProgressBar
from .callbacks.base import CallbackList
from .given_objective import given_objective
from .history import History
from .optim.rates import LearningRate
from .optim.schedules import ScheduleLike
from .optim.source import OptimizerLike
from .run import Run
from .run_dir import check_run_dir
from .setup import Setup, set_up
from .step.precision import PrecisionName


@takes_pair
@without_networks()
@computes_gradients
def fit(
    model: Program,
    guide: Program,
    data: Batchable,
    *,
    # Data
    batch_size: int = 100,
    drop_last: bool = False,
    columns: Columns | None = None,
    transform: Transform | None = None,
    num_data: int | None = None,
    seed: int | None = 0,
    # Objective
    objective: PyroELBO | type[PyroELBO] = ELBO,
    # Optimisation
    epochs: int = 100,
    lr: LearningRate | None = None,
    optimizer: OptimizerLike | None = None,
    weight_decay: float | None = None,
    schedule: ScheduleLike | None = None,
    ema: float | None = None,
    clip_norm: float | None = None,
    # Validation
    val: Batchable | None = None,
    val_objective: PyroELBO | type[PyroELBO] | None = None,
    patience: int | None = None,
    # Run folder, and what else follows the run
    run_dir: str | PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    checkpoint_seconds: float = 60.0,
    callbacks: Sequence[Callback] = (),
    progress: bool | None = None,
    # Device and speed
    device: torch.device | str | None = None,
    precision: PrecisionName = "full",
    compile: bool | Literal["auto"] = "auto",
    steps_per_call: int | Literal["auto"] = "auto",
    memory: int | None = None,
) -> Run:
    """Train a model and a guide on data; they are left with the parameters of the last epoch.

    Gradients are computed under `torch.no_grad()` too. Values of `pyro.param` are in Pyro's store
    afterwards. Networks and `PyroModule`s hold their own parameters and leave nothing there; they
    keep the training mode that they are in.

    A run that is killed at any moment and resumed continues as if it had not been: on the CPU it
    ends with the same parameters bit for bit, on the same machine with the same number of threads
    and the same versions.

    Under torchrun (or within any process group of torch.distributed) the ranks share every batch
    by its rows and follow the run of one process, up to the rounding of sums; see `SharedNoise`
    for their random numbers. Every rank calls `fit` with the same arguments, and gets the same
    parameters and history; rank 0 writes. `batch_size` is that of all ranks together. A pair needs
    a plate over its data.

    An automatic guide of Pyro has parameters for each row of the batch that it was set up with.
    With minibatches these rows hold other data in every batch; a `PlateWarning` says so.

    Args:
        model: Pyro model, called as `model(*batch)`. An object with a `model` and a `guide` may
            take the place of both: `fit(vae, data)`.
        guide: Pyro guide, called likewise.
        data: Data of any kind that `data.batches` takes: tensors, arrays, frames, files, loaders,
            ...; of a dataset its `train`. Floats are brought to the number type of the pair's
            parameters, and so are integers and truth values x that the pair cannot take.
        batch_size: Rows per step, B.
        drop_last: Leave out a last batch of fewer rows, which are other rows in each epoch. Batch
            norm takes no single row.
        columns: Which tensors of a batch the pair gets, in which order: a place, a name, or
            several; None is all. `columns=0` leaves out labels. Of validation data too.
        transform: Called as `transform(*tensors)` on each batch, after `columns` and the binary
            draws of a dynamic split; returns what the pair gets, a tensor or a tuple of tensors.
        num_data: Number of data of a stream, which has no length; None counts them by a pass over
            the stream before the first epoch.
        seed: Sets the random state before the first step. None leaves the random state as it is,
            and takes 0 for the order of the data.
        objective: Any `pyro.infer.ELBO`, Pyro's own or one of `pyrovae.objectives`; by default
            `pyrovae.objectives.ELBO()`. A class is made without arguments.
        epochs: Passes over the data, 100 by default.
        lr: Learning rate; by default the optimiser's own, 1e-3 for Adam. Or rates by part of the
            pair, `{"encoder": 1e-4, "decoder.layers.0": 0.0, "": 1e-3}`: the longest name that a
            parameter's begins with holds for it, "" for all others; "model" and "guide" name what
            either declares. A part with the rate 0 stays as it is, and its gradient counts in
            `clip_norm`. An optimiser with a rate of its own takes no other.
        optimizer: A name ("adamw", "sgd(momentum=0.9)"), a torch class, or a `functools.partial`
            of one, which take `lr` and `weight_decay`; or what has its own: a function of the
            leaves, `lambda leaves: torch.optim.SGD(leaves, lr=0.1)`, a torch optimiser over the
            parameters of the pair, a `pyro.optim` wrapper. By default Adam. A scheduler of
            `pyro.optim` is stepped as one of torch.
        weight_decay: Of all parameters, as the optimiser does it: apart from the gradient in
            AdamW, which is the default where this is given; added to the gradient in Adam.
        schedule: How the rates change, each by the same factor. A name ("cosine",
            "warmup_cosine", "linear", "exponential", "plateau"; "cosine(warmup=0.1)"); a function
            from the progress of the run in [0, 1] to the factor, set every step (see `schedules`);
            or a scheduler of torch, its class, a partial of it or a function that makes it from
            the optimiser, stepped as torch's documentation does: OneCycleLR and CyclicLR after
            every step, all others after every epoch, unless `schedules.PerStep` or `PerEpoch` is
            around it. ReduceLROnPlateau watches the validation bound, or without validation data
            that of the training: minus the bound if its mode is "min", as torch's default is.
        ema: Decay of a moving average of all parameters over the steps, in [0, 1), such as 0.999;
            as `torch.optim.swa_utils.AveragedModel` with `get_ema_multi_avg_fn`. Validation, the
            best checkpoint and the pair in the end have the averages; training and callbacks have
            the parameters themselves. Both are in last.safetensors. Buffers, such as the running
            statistics of batch norm, are not averaged.
        clip_norm: Largest norm of the gradient over all parameters together.
        val: Validation data; by default those of a dataset or of a file, where they are there.
            Keys of dicts and columns of data frames are matched with those of `data` by name.
        val_objective: Objective of the validation; by default that of the training.
        patience: Stop when the validation bound has not risen for so many epochs.
        run_dir: Folder for last.safetensors, best.safetensors and history.jsonl. One that holds
            a run is refused, unless `resume` or `overwrite`. The folder is locked meanwhile
            (`run.lock`).
        resume: Continue from the last checkpoint in `run_dir`; start where there is none. Seed,
            data, `transform`, batch size, objective, `ema`, and the optimiser with its options
            must be those of the first run, and rates by part need the same parts. All else is as
            in this call: `lr`, schedule, `clip_norm`, more epochs. A scheduler of torch goes on
            as if it had been there from the start. To recognise the data, the first batch is read
            twice where there is a `run_dir`.
        overwrite: Replace the run in `run_dir`, if there is one, once the first loss could be
            evaluated.
        checkpoint_seconds: Time between checkpoints within an epoch. One is also written after
            every epoch.
        callbacks: See `Callback`.
        progress: None shows a bar on a terminal and in a notebook, and logs a line now and then
            elsewhere (see `EpochLog`). True always shows the bar, False neither.
        device: Where pair and batches go; None is CUDA when present, else the CPU.
        precision: Of the steps: "full", "tf32" (CUDA matrix products) or "bf16" (networks in
            bfloat16, all else in float32); see `Precision`. Validation is in full.
        compile: Capture the whole step as one graph and run it compiled (see `SVI`), and the
            validation likewise. "auto" compiles where the run has 5,000 steps or more, by which
            compiling has paid, and says nothing of a pair that cannot be captured.
        steps_per_call: "auto" calls the compiled step for as many batches in a row as take some
            milliseconds, with little Python between them; learning rates, averages and results are
            those of single steps, to the last bit. Callbacks that are to see each step, and
            several ranks, have them one by one. A number compiles so many steps as one graph, and
            compiling takes so many times as long; learning rates change, callbacks run and
            checkpoints are written between calls then, and steps that are averaged (`ema`) are
            taken one by one.
        memory: Bytes that the tensors of one step's forward and backward pass may take. Where all
            particles at once would take more, `objective.in_chunks` of as many as fit is used: its
            value and gradient are the same, and its steps are not compiled. Parameters, the state
            of the optimiser and the data are not counted.

    Raises:
        DataError: A batch holds more or fewer tensors than the pair takes, numbers that its types
            cannot hold, or NaN or infinity that it cannot take.
        ConfigError: Arguments do not fit together; batch norm in training mode would be given a
            batch of one row; a resumed run has begun more epochs than `epochs`; `run_dir`
            holds a run, another run is writing into it, or it is no folder.
        ParameterError: A parameter of the pair would not train.
        NonFiniteError: A loss or a gradient became infinite or NaN. The step was not taken: the
            parameters are those before it.
        CheckpointError: The checkpoint to resume from is damaged or of another run.
        RanksError: The ranks lost each other, or were called with different arguments.
        Interrupted: An interrupt came after the first epoch: its `partial` is the `Run` so far.
            The pair has the parameters of the step at which it came. Within the first epoch it
            stays a plain `KeyboardInterrupt`.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> run = fit(pair, pair.sample(200, seed=1), epochs=3)
        >>> len(run.history), run.steps
        (3, 6)
    """
    check_flags(model, data)
    val = _validation_data(data, val, columns)
    objective = given_objective("objective", objective)
    if val_objective is not None:
        val_objective = given_objective("val_objective", val_objective)
    _check(epochs, steps_per_call, patience, val, seed)
    check_run_dir(run_dir, resume=resume, overwrite=overwrite)
    run = set_up(
        model, guide, data, val, batch_size=batch_size, drop_last=drop_last, seed=seed,
        columns=columns, transform=transform, num_data=num_data,
        objective=objective, val_objective=val_objective, memory=memory,
        epochs=epochs, optimizer=optimizer, lr=lr, weight_decay=weight_decay,
        schedule=schedule, ema=ema, clip_norm=clip_norm,
        run_dir=run_dir, checkpoint_seconds=checkpoint_seconds,
        device=device, precision=precision, compile=compile, steps_per_call=steps_per_call,
    )  # fmt: skip
    loop, store, stepper = run.loop, run.store, run.stepper
    stopping = [] if patience is None else [EarlyStopping(patience)]
    hooks = CallbackList(
        [
            *callbacks,
            *stopping,
            *([ProgressBar(always=bool(progress)), EpochLog()] if progress is not False else []),
        ]
    )

    with store.locked():
        random_state = run.resume_or_start(resume=resume, overwrite=overwrite)
        try:
            hooks.on_start(loop)
            if random_state is not None:
                restore_random_state(random_state)  # last, so that nothing draws before the steps
            stepper.synchronise()
            run.compile_ahead(hooks)

            while not loop.finished:
                start = perf_counter() - loop.seconds
                for batches in run.batches():  # one, or several that make one call
                    save_due = store.save_due
                    last = run.calls.take(batches, hooks, wait=save_due)  # before they are kept
                    if loop.batch < loop.steps_per_epoch:
                        loop.seconds = perf_counter() - start
                        if stepper.should_stop(last):
                            break
                        if save_due:
                            store.save_last()
                else:  # the epoch is complete
                    entry = loop.summary()
                    with run.averaged():
                        if run.validation is not None:
                            bound = run.validation()
                            entry["val"] = bound if math.isfinite(bound) else None
                        entry |= run.site_kl()
                        entry["seconds"] = stepper.seconds_since(start)
                        loop.history.append(entry)
                        if _is_best(entry, loop.best, run.validation is not None):
                            loop.best = {"epoch": entry["epoch"], "val": entry["val"]}
                            store.save_best()
                    store.append_history()
                    hooks.on_epoch(loop)
                    run.scheduler.after_epoch(entry)
                    stepper.synchronise()
                    loop.next_epoch()
                store.save_last()
            run.finish()
        except KeyboardInterrupt:
            if not loop.history:
                raise
            way_on = "" if run_dir is None else "`resume=True` continues from the last checkpoint"
            done = f"{len(loop.history):,} of {epochs:,} epochs"
            raise Interrupted(done, _run_of(run), way_on) from None
        finally:
            hooks.on_end(loop)
    return _run_of(run)


def _run_of(run: Setup) -> Run:
    """What has been done so far."""
    loop, seconds = run.loop, run.compile_seconds
    history = History(loop.history)
    return Run(history, loop.best, loop.step, loop.run_dir, seconds, run.store.load_best)


def _validation_data(
    data: Batchable, val: Batchable | None, columns: Columns | None
) -> Batchable | None:
    found = held_out(data if val is None else val, columns)
    if found is not None:
        return found
    return val.val if isinstance(val, Dataset) else val


def _is_best(entry: dict[str, Any], best: dict[str, Any], validated: bool) -> bool:
    if not validated or not best:
        return True
    return entry["val"] is not None and (best["val"] is None or entry["val"] > best["val"])


def _check(
    epochs: int,
    steps_per_call: int | Literal["auto"],
    patience: int | None,
    val: Batchable | None,
    seed: int | None,
) -> None:
    counts: dict[str, Any] = {"epochs": epochs}
    if steps_per_call != "auto":
        counts["steps_per_call"] = steps_per_call
    for name, count in counts.items():
        if not isinstance(count, SupportsIndex) or count < 1:  # type: ignore[operator]
            raise ConfigError(f"fit: {name}={count!r}, needs a whole number, one or more")
    if seed is not None and not 0 <= seed < 2**32:
        raise ConfigError(f"fit: seed={seed}, needs a number from 0 to 2**32 - 1, or None")
    if patience is not None and val is None:
        raise ConfigError(
            "fit: patience watches the validation bound, and there are no validation data; give "
            "val, or leave patience out"
        )

"""Train a pair: the visible loop around `SVI`."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, TypeVar

import pyro
import torch
from pyro.infer import ELBO as PyroELBO

from ..data import Batchable, BatchSource, Dataset, batches
from ..data.base import mix_seed, pick_device
from ..errors import ConfigError, NonFiniteError
from ..objectives.pyro_loss import as_objective
from ..particles.isolation import isolated
from ..particles.param_store import without_networks
from ..particles.tracing import Program
from ..runtime.distributed import join
from ..runtime.grad_mode import computes_gradients
from ..runtime.random_state import kept_random_state, restore_random_state
from .auto_guides import check_auto_guides
from .callbacks import Callback, EarlyStopping, ProgressBar
from .lone_row import check_lone_rows, lone_rows_named
from .loop import Loop
from .loss_scale import LossScale, batch_plate_of
from .memory_budget import within
from .optim.joint import OptimizerLike, make_optimizer
from .optim.schedules import Schedule, set_rate
from .placement import leaves_of, networks_of, place, place_objective
from .ranks.all_reduce import AllReduce
from .ranks.shard import Sharding
from .ranks.synchronise import align, align_random_state, check_alike
from .run import Run
from .run_facts import facts_of
from .run_lock import RunLock
from .run_store import RunStore
from .site_kl import SiteKLMonitor, first_rows
from .step.guarded import LOOK, NonFiniteStep, guarded_step
from .step.precision import PrecisionName
from .step.svi import SVI
from .validation import Validation, first_loss

T = TypeVar("T")

_LONG = 2000  # steps; compiling costs some ten seconds


@without_networks()
@computes_gradients
def fit(
    model: Program,
    guide: Program,
    data: Batchable,
    *,
    objective: PyroELBO,
    epochs: int,
    batch_size: int = 100,
    drop_last: bool = False,
    lr: float = 1e-3,
    optimizer: OptimizerLike | None = None,
    schedule: Schedule | None = None,
    clip_norm: float | None = None,
    val: Batchable | None = None,
    val_objective: PyroELBO | None = None,
    callbacks: Sequence[Callback] = (),
    patience: int | None = None,
    run_dir: str | PathLike[str] | None = None,
    resume: bool = False,
    checkpoint_seconds: float = 60.0,
    device: torch.device | str | None = None,
    compile: bool | Literal["auto"] = False,
    steps_per_call: int = 1,
    precision: PrecisionName = "full",
    memory: int | None = None,
    seed: int | None = 0,
    progress: bool = True,
) -> Run:
    """Train a model and a guide on data; they are left with the parameters of the last epoch.

    Gradients are computed under `torch.no_grad()` too. What `pyro.param` states is found in Pyro's
    store afterwards; networks and `PyroModule`s hold their own, and leave nothing there.

    A run that is killed at any moment and resumed goes on as if nothing had happened: on the CPU
    it ends with the same parameters bit for bit, given the same machine, number of threads and
    versions. Networks keep the training mode that they have.

    Under torchrun (or within any process group of torch.distributed) the ranks share every batch
    by its rows and follow the run of one process, up to the rounding of sums; see `SharedNoise`
    for what they draw. Every rank calls `fit` alike, and gets the same parameters and history;
    rank 0 writes. `batch_size` is that of all ranks together. A pair needs a plate over its data.

    An automatic guide of Pyro's has parameters of its own for each row that it was set up with:
    with minibatches that are places in a batch, of which a `PlateWarning` tells.

    Args:
        model: Pyro model, called as `model(*batch)`.
        guide: Pyro guide, called likewise.
        data: A dataset (its `train`), a split, tensors, a `DataLoader`: see `data.batches`.
        objective: Any `pyro.infer.ELBO`, Pyro's own or one of `pyrovae.objectives`.
        epochs: Passes over the data.
        batch_size: Rows per step, B.
        drop_last: Leave out a last batch of fewer rows, other ones in each epoch; batch norm
            takes no single row.
        lr: Learning rate of the default optimiser, Adam.
        optimizer: Makes a torch optimiser from the leaves, e.g.
            `lambda leaves: torch.optim.AdamW(leaves, lr=1e-3)`, or is a `pyro.optim` wrapper.
        schedule: Progress of the run in [0, 1] -> factor on the learning rate, set every step;
            see `schedules`.
        clip_norm: Largest norm of the gradient over all parameters together.
        val: Validation data; by default the `val` of a dataset, unless it is empty.
        val_objective: Objective of the validation; by default that of the training.
        callbacks: See `Callback`.
        patience: Stop when the validation bound has not risen for so many epochs.
        run_dir: Folder for last.safetensors, best.safetensors and history.jsonl. What an earlier
            run left there is replaced, unless `resume`. It is locked meanwhile (`run.lock`).
        resume: Continue from the last checkpoint in `run_dir`; start where there is none. Seed,
            data, batch size, objective, and the optimiser with its options must be those of the
            first run; all else is as this call says: `lr`, schedule, `clip_norm`, more epochs.
        checkpoint_seconds: Time between checkpoints within an epoch; one is written after every
            epoch anyway.
        device: Where pair and batches go; None is CUDA when present, else the CPU.
        compile: Capture the whole step as one graph and run it compiled (see `SVI`), and the
            validation likewise; "auto" where the run is long enough to win back what compiling
            costs.
        steps_per_call: How many steps are compiled as one graph, which saves Python's part where a
            step takes less than a millisecond, and takes so many times as long to compile. Rates
            and weights change, callbacks run and checkpoints are written from call to call.
            Several ranks, and what is not compiled, take their steps one by one.
        precision: Of the steps: "full", "tf32" (CUDA matrix products) or "bf16" (networks in
            bfloat16, all else in float32); see `Precision`. Validation is in full.
        memory: Bytes that the tensors of one step's forward and backward pass may take: where all
            particles at once would take more, `objective.in_chunks` of as many as fit, whose
            value and gradient are the same; those steps are not compiled. Parameters, their
            optimiser and the data come on top.
        seed: Of all random streams, set before the first step; None leaves the streams as they
            are, and takes 0 for the order of the data.
        progress: Show a progress bar, where stderr is a terminal.

    Raises:
        ConfigError: Arguments do not fit together; a batch of one row would meet batch norm in
            training mode; a resumed run has more epochs behind it than `epochs`; or another run is
            writing into `run_dir`.
        ParameterError: A parameter of the pair would not train.
        NonFiniteError: A loss or a gradient became infinite or NaN. The step was not taken: the
            parameters are those before it.
        CheckpointError: The checkpoint to resume from is damaged or of another run.
        RanksError: The ranks lost each other, or were not called alike.

    Example:
        >>> from pyrovae.data import LinearGaussian
        >>> from pyrovae.objectives import ELBO
        >>> pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
        >>> run = fit(pair.model, pair.guide, pair.sample(200, seed=1), objective=ELBO(), epochs=3)
        >>> len(run.history), run.steps
        (3, 6)
    """
    team = join(device)
    align_random_state(team)
    device = pick_device(device)
    source = batches(data, batch_size, seed=seed or 0, device=device, drop_last=drop_last)
    val_source = _validation_data(data, val, batch_size, seed or 0, device)
    _check(objective, epochs, patience, val_source, run_dir, resume, seed)
    if steps_per_call < 1:
        raise ConfigError(f"fit: steps_per_call={steps_per_call}, needs one or more")

    # The pair, on its device, and the optimiser over all its leaves.
    with kept_random_state():
        first = next(iter(source.epoch(0)))
    check_alike(team, source, first, epochs)
    if seed is not None:
        pyro.set_rng_seed(seed)
    with lone_rows_named(source, first, team):
        placed = place(model, guide, first, device)
    check_auto_guides(model, guide, source, [tensor.to(device) for tensor in first])
    facts = facts_of(seed, source, first, objective)
    objective = as_objective(objective)
    val_objective = None if val_objective is None else as_objective(val_objective)
    for each in (objective, val_objective or objective):
        place_objective(each, device)
    if memory is not None:
        tensors = [*placed.leaves.values(), *leaves_of(objective).values()]
        at_home = [tensor.to(device) for tensor in first]
        objective = within(memory, objective, model, guide, at_home, tensors)
    align(team, placed, objective)
    leaves = {**placed.leaves, **leaves_of(objective)}
    worth_it = epochs * len(source) >= _LONG if compile == "auto" else compile
    if not worth_it or not team.alone:
        steps_per_call = 1
    by_lr = make_optimizer(optimizer, leaves, lr)
    svi = SVI(
        model, guide, by_lr, objective,
        clip_norm=clip_norm, compile=worth_it, precision=precision,
    )  # fmt: skip
    svi.optimizer.cover(leaves)
    exchange = None
    if not team.alone:
        exchange = AllReduce(team, svi.optimizer, placed.buffers.values(), objective)
    svi.exchange = exchange
    check_lone_rows(svi, placed.networks, source, [t.to(device) for t in first], team)

    # Where the run stands, what is kept of it, how it is measured.
    folder = None if run_dir is None else Path(run_dir)
    loop = Loop(model, guide, svi.optimizer, epochs, len(source), folder, device, rank=team.rank)
    keeper = RunStore(loop, placed, objective, facts, checkpoint_seconds, team)
    share = LossScale(model, guide, batch_plate_of(objective))
    division = Sharding(team, share, objective)
    validate = None
    if val_source is not None:
        noise = mix_seed(seed or 0, 1) % 2**32
        by = val_objective or objective
        networks = [*placed.networks, *networks_of(by).values()]
        many = epochs * len(val_source) >= _LONG if compile == "auto" else compile
        validate = Validation(
            model, guide, by, val_source, networks, share, noise, device, team, many
        )
    with kept_random_state():
        looked_at = [first] if val_source is None else first_rows(val_source)
    layer_kl = SiteKLMonitor(
        model, guide, looked_at, placed.networks, share.batch_plate, seed or 0, device
    )
    hooks = list(callbacks)
    hooks += [EarlyStopping(patience)] if patience is not None else []
    hooks += [ProgressBar()] if progress else []

    lock = RunLock(folder)
    team.from_first(lock.take)
    try:
        resumed = None
        kept = team.from_first(lambda: keeper.last is not None)
        if resume and kept:
            resumed = keeper.resume()
        else:
            if kept:  # an earlier run gives way only to one that can take a step
                with isolated():
                    svi.evaluate_loss(*(tensor.to(device) for tensor in first))
            keeper.start_over()
    except BaseException:
        lock.release()
        raise

    try:
        for hook in hooks:
            hook.on_start(loop)
        if resumed is not None:
            restore_random_state(
                resumed
            )  # last of all, so that nothing draws before the next step
        align_random_state(team)
        if worth_it:
            for count in sorted({1, steps_per_call if steps_per_call <= len(source) else 1}):
                with kept_random_state():
                    found = _first_batches(source, loop.epoch - 1, 2 * count, device)
                    pieces = [division(batch) for batch in found]
                if len(found) < 2 * count:
                    continue
                if exchange is not None:
                    exchange.part = pieces[0].part
                with pieces[0].noise:
                    taken = [piece.rows for piece in pieces]
                    svi.prepare(taken[:count], taken[count:])
        if validate is not None:
            validate.prepare()

        while not loop.finished:
            started = perf_counter() - loop.seconds
            with kept_random_state():  # a DataLoader draws when it starts, wherever it starts
                stream = source.epoch(loop.epoch - 1, loop.batch)
            for call in _calls(stream, steps_per_call):
                call = [tuple(tensor.to(device) for tensor in batch) for batch in call]
                set_rate(svi.optimizer.torch, schedule, loop.progress)

                shares = [share(batch) for batch in call]
                pieces = [division(batch) for batch in call]  # whole, where no rank takes a part
                if exchange is not None:
                    exchange.expect(pieces[0], stop=loop.stopping)
                # A device is waited for now and then, and always before its parameters are kept.
                due, after = keeper.is_due, loop.batch + len(call)
                look = device.type == "cpu" or due or after // LOOK > loop.batch // LOOK
                look = look or loop.stopping or after == loop.steps_per_epoch
                try:
                    steps = guarded_step(svi, objective, pieces, team, look=look)
                except NonFiniteStep as refused:
                    loop.batch += refused.before
                    raise _non_finite(str(refused), loop, keeper) from refused.__cause__

                for step, (scale, num_data) in zip(steps, shares, strict=True):
                    loop.record(first_loss(step.loss) / scale, step.norm, num_data)
                    for hook in hooks:
                        hook.on_step(loop)
                if loop.batch < loop.steps_per_epoch:
                    loop.seconds = perf_counter() - started
                    if loop.stopping if exchange is None else exchange.stop:
                        loop.request_stop()
                        if not steps[-1].taken:
                            raise _non_finite("the loss or a gradient", loop, keeper)
                        break
                    if due:
                        keeper.save_last()
            else:  # the epoch is whole
                entry = loop.summary()
                if validate is not None:
                    bound = validate()
                    entry["val"] = bound if math.isfinite(bound) else None
                entry |= layer_kl()
                entry["seconds"] = team.from_first(lambda: perf_counter() - started)  # noqa: B023
                loop.history.append(entry)
                if _is_best(entry, loop.best, validate is not None):
                    loop.best = {"epoch": entry["epoch"], "val": entry["val"]}
                    keeper.save_best()
                keeper.append_history()
                for hook in hooks:
                    hook.on_epoch(loop)
                loop.stopping = any(team.gather(loop.stopping))
                align_random_state(team)
                loop.epoch, loop.batch = loop.epoch + 1, 0
                loop.start_epoch()
            keeper.save_last()
    finally:
        try:
            for hook in hooks:
                hook.on_end(loop)
        finally:
            lock.release()
    seconds = svi.compile_seconds + (validate.compile_seconds if validate is not None else 0.0)
    return Run(loop.history, loop.best, loop.step, folder, seconds, keeper)


def _first_batches(
    source: BatchSource, epoch: int, count: int, device: torch.device
) -> list[tuple[torch.Tensor, ...]]:
    """Batches of as many rows as the first, to trace steps with and to check them on.

    Fewer where a loader's batches differ so much that some epochs do not hold as many.
    """
    epochs = range(epoch, epoch + count + 1)
    stream = itertools.chain.from_iterable(map(source.epoch, epochs))
    first = next(stream)
    alike = (batch for batch in stream if len(batch[0]) == len(first[0]))
    found = [first, *itertools.islice(alike, count - 1)]
    return [tuple(t.to(device) for t in batch) for batch in found]


def _calls(stream: Iterable[T], count: int) -> Iterator[list[T]]:
    """The batches of an epoch, `count` by `count`, and what is left over one by one."""
    call = []
    for batch in stream:
        call.append(batch)
        if len(call) == count:
            yield call
            call = []
    yield from ([batch] for batch in call)


def _validation_data(
    data: Batchable, val: Batchable | None, batch_size: int, seed: int, device: torch.device
) -> BatchSource | None:
    if val is None and isinstance(data, Dataset) and len(data.val) > 0:
        val = data.val
    elif isinstance(val, Dataset):
        val = val.val
    if val is None:
        return None
    return batches(val, batch_size, shuffle=False, seed=seed, device=device)


def _check(
    objective: PyroELBO,
    epochs: int,
    patience: int | None,
    val_source: BatchSource | None,
    run_dir: str | PathLike[str] | None,
    resume: bool,
    seed: int | None,
) -> None:
    if not isinstance(objective, PyroELBO):
        raise ConfigError(
            f"fit: objective={objective!r}, needs an instance of a pyro.infer.ELBO, such as "
            "pyrovae.objectives.ELBO() or pyro.infer.Trace_ELBO()"
        )
    if epochs < 1:
        raise ConfigError(f"fit: epochs={epochs}, needs one or more")
    if seed is not None and not 0 <= seed < 2**32:
        raise ConfigError(f"fit: seed={seed}, needs a number from 0 to 2**32 - 1, or None")
    if patience is not None and val_source is None:
        raise ConfigError(
            "fit: patience watches the validation bound, and there are no validation data; give "
            "val, or leave patience out"
        )
    if resume and run_dir is None:
        raise ConfigError("fit: resume continues what lies in run_dir; give run_dir")


def _is_best(entry: dict[str, Any], best: dict[str, Any], validated: bool) -> bool:
    if not validated or not best:
        return True
    return entry["val"] is not None and (best["val"] is None or entry["val"] > best["val"])


def _non_finite(cause: str, loop: Loop, keeper: RunStore) -> NonFiniteError:
    last = keeper.last
    kept = f"the last good checkpoint is {last}" if last else "there is no checkpoint"
    return NonFiniteError(
        f"epoch {loop.epoch}, batch {loop.batch} (of {loop.steps_per_epoch}, from 0): {cause} is "
        f"not finite. The step was not taken; {kept}. Try a lower lr, clip_norm, or data on a "
        "smaller scale"
    )

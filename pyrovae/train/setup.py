"""Everything that a run needs, made before its first step."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import pyro
import torch
from pyro.infer import ELBO as PyroELBO

from ..data import Batchable, batches
from ..data.base import mix_seed, pick_device
from ..data.columns import Columns, Transform
from ..data.minibatches import Minibatches
from ..data.named_order import validation_batches
from ..data.transformed import TransformedBatches
from ..objectives.objective import Objective
from ..objectives.pyro_loss import as_objective
from ..particles.arguments import calls_explained
from ..particles.inventory import Inventory
from ..particles.isolation import isolated
from ..particles.tracing import Program
from ..runtime.distributed import Team, join
from ..runtime.random_state import RandomState, kept_random_state
from .auto_guides import check_auto_guides
from .callbacks.base import CallbackList
from .calls import Calls, StepsPerCall
from .compile_ahead import compile_ahead, is_worth_compiling
from .first_batch import read_first
from .fitted_batches import FittedBatches, check_finite, fitted
from .loop import Loop
from .loss_scale import LossScale
from .memory_budget import within
from .optim.average import WeightAverage
from .optim.rates import LearningRate, with_sides
from .optim.scheduler import Scheduler
from .optim.schedules import ScheduleLike
from .optim.scheduling import scheduler_of
from .optim.source import OptimizerLike, default_optimizer, source_of
from .placement import place, place_objective
from .rank_stepper import RankStepper
from .ranks.all_reduce import AllReduce
from .ranks.shard import Sharding
from .ranks.synchronise import check_same_run, synchronise, synchronise_random_state
from .run_identity import identity_of
from .run_store import RunStore
from .single_row import check_single_rows, single_rows_explained
from .site_kl import SiteKLMonitor, first_rows
from .step.precision import PrecisionName
from .step.svi import SVI
from .stepper import Batch, Stepper
from .validation import Validation


@dataclass(frozen=True)
class Setup:
    """What a run is made of.

    Attributes:
        loop: Where the run stands.
        svi: Takes one step.
        stepper: Takes the steps of the run, on one process or several.
        loss_scale: By which losses become nats per datum.
        store: Checkpoints and history.
        validation: Measures the bound on the validation data, where there are any.
        site_kl: Measures the KL of each latent site.
        scheduler: Changes the learning rates.
        average: Of the parameters, where they are averaged.
        calls: Takes the steps of an epoch, several at a time.
    """

    loop: Loop
    svi: SVI
    stepper: Stepper
    loss_scale: LossScale
    store: RunStore
    validation: Validation | None
    site_kl: SiteKLMonitor
    scheduler: Scheduler
    average: WeightAverage | None
    calls: Calls
    _source: FittedBatches
    _first: Batch
    _is_compiled: bool

    def resume_or_start(self, *, resume: bool, overwrite: bool) -> RandomState | None:
        """Continue from the last checkpoint, where asked and possible; else begin the folder.

        The files of an earlier run are removed only after the loss could be evaluated once.

        Returns:
            The random state of the checkpoint, to be restored when nothing else will draw.

        Raises:
            ConfigError: The folder holds a run, which is neither to be resumed nor replaced.
        """
        has_last = self.store.has_last
        if resume and has_last:
            random_state = self.store.resume()
            self.scheduler.resume(self.loop.step, self.loop.history)
            return random_state
        if not resume and not overwrite:
            self.store.check_empty()
        if has_last:
            with isolated():
                self.svi.evaluate_loss(*self._first)
        self.store.start_over()
        return None

    def compile_ahead(self, hooks: CallbackList) -> None:
        """Compile the steps and the validation, if they are to be compiled."""
        compiles_validation = self.validation is not None and self.validation.is_compiled
        if not self._is_compiled and not compiles_validation:
            return
        hooks.on_compile(self.loop, None)
        if self._is_compiled:
            compile_ahead(self.stepper, self._source, self.loop, self.calls.size)
        if self.validation is not None:
            self.validation.prepare()
        hooks.on_compile(self.loop, self.compile_seconds)

    def batches(self) -> Iterator[list[Batch]]:
        """The batches of the epoch that are left, on the device, as many as one call takes."""
        with kept_random_state():  # a DataLoader draws at its start, which resuming must not shift
            stream = self._source.epoch(self.loop.epoch - 1, self.loop.batch)
        return self.calls.of(stream)

    def averaged(self) -> AbstractContextManager[None]:
        """Within this context the pair has its averaged parameters, where they are averaged."""
        return nullcontext() if self.average is None else self.average.applied()

    def finish(self) -> None:
        """Leave the pair with its averaged parameters, where they are averaged."""
        if self.average is not None:
            self.average.apply()

    @property
    def compile_seconds(self) -> float:
        """Time spent on capturing and compiling."""
        validation = 0.0 if self.validation is None else self.validation.compile_seconds
        return self.svi.compile_seconds + validation


def set_up(
    model: Program,
    guide: Program,
    data: Batchable,
    val: Batchable | None,
    *,
    batch_size: int,
    drop_last: bool,
    columns: Columns | None,
    transform: Transform | None,
    num_data: int | None,
    seed: int | None,
    objective: PyroELBO,
    val_objective: PyroELBO | None,
    memory: int | None,
    epochs: int,
    optimizer: OptimizerLike | None,
    lr: LearningRate | None,
    weight_decay: float | None,
    schedule: ScheduleLike | None,
    ema: float | None,
    clip_norm: float | None,
    run_dir: str | PathLike[str] | None,
    checkpoint_seconds: float,
    device: torch.device | str | None,
    precision: PrecisionName,
    compile: bool | Literal["auto"],
    steps_per_call: StepsPerCall,
) -> Setup:
    """Make what a run needs, in the order in which its parts need each other: see `fit`."""
    if optimizer is None:
        optimizer = default_optimizer(weight_decay)
    source_of(optimizer, lr, weight_decay)  # refuses what does not fit before the data are read
    average = None if ema is None else WeightAverage(ema)
    team = join(device)
    synchronise_random_state(team)
    device = pick_device(device)

    # Data.
    given = batches(
        data, batch_size, seed=seed or 0, device=device, drop_last=drop_last,
        num_data=num_data, columns=columns,
    )  # fmt: skip
    with kept_random_state():
        transformed = _transformed(given, transform)
        first, recognised = read_first(transformed, recognise=run_dir is not None)
        val_given = None
        if val is not None:
            val_given = _transformed(
                validation_batches(
                    val, batch_size, data, given, columns=columns, seed=seed or 0, device=device
                ),
                transform,
            )
        given = transformed
        source, first = fitted(given, first, model, guide, "fit")
        val_source = val_first = None
        if val_given is not None:
            val_first = next(iter(val_given.epoch(0)))
            val_source, val_first = fitted(val_given, val_first, model, guide, "fit: val")
    check_same_run(team, source, first, epochs)
    if seed is not None:
        pyro.set_rng_seed(seed)

    # The pair and its objective, on the device.
    with single_rows_explained(source, first, team), calls_explained(model, guide, first):
        inventory, recorded = place(model, guide, first, device)
    identity = identity_of(seed, source, first, objective, recognised)
    first = _moved(first, device)
    check_finite(source, first, model, guide, "fit")
    if val_source is not None and val_first is not None:
        check_finite(val_source, _moved(val_first, device), model, guide, "fit: val")
    check_auto_guides(model, guide, source, first)
    trained = as_objective(objective)
    validated = trained if val_objective is None else as_objective(val_objective)
    for each in (trained, validated):
        place_objective(each, device)
    if memory is not None:
        tensors = [*inventory.leaves.values(), *trained.leaves().values()]
        trained = within(memory, trained, model, guide, first, tensors)
    synchronise(team, inventory, trained)
    loss_scale = LossScale(model, guide, trained.batch_plate)
    loss_scale.learn(len(first[0]), recorded)

    # Steps.
    is_compiled = is_worth_compiling(compile, epochs * len(source))
    of_guide, of_model = recorded
    lr = with_sides(lr, inventory.leaves, of_model.leaves, of_guide.leaves)
    leaves = {**inventory.leaves, **trained.leaves()}
    svi = SVI(
        model, guide, optimizer, trained, lr=lr, weight_decay=weight_decay,
        clip_norm=clip_norm, compile=is_compiled, precision=precision,
    )  # fmt: skip
    svi.quiet = compile == "auto"
    svi.optimizer.cover(leaves)
    scheduler = scheduler_of(schedule, svi.optimizer, validated=val is not None)
    check_single_rows(svi, inventory.networks, source, first, team)
    folder = None if run_dir is None else Path(run_dir)
    loop = Loop(model, guide, svi.optimizer, epochs, len(source), folder, device, rank=team.rank)
    store = RunStore(loop, inventory, trained, identity, checkpoint_seconds, team, average)
    scheduler.check_length(loop.total_steps, epochs)
    stepper = _stepper(svi, trained, loop, store, source, inventory, loss_scale, team)

    # Measurements.
    validation = None
    if val_source is not None:
        compiles = is_worth_compiling(compile, epochs * len(val_source))
        validation = _validation(
            validated, val_source, inventory, loss_scale, seed, device, team,
            compiles,
        )  # fmt: skip
    rows = [first] if val_source is None else first_rows(val_source)
    plate = loss_scale.batch_plate
    site_kl = SiteKLMonitor(model, guide, rows, inventory.networks, plate, seed or 0, device)
    in_series = steps_per_call == "auto" or average is None
    per_call = steps_per_call if is_compiled and team.alone and in_series else 1
    calls = Calls(
        stepper, loop, store, loss_scale, scheduler, average, per_call,
        may_read_ahead=source.may_read_ahead,
    )  # fmt: skip
    return Setup(
        loop, svi, stepper, loss_scale, store, validation, site_kl, scheduler, average,
        calls, source, first, is_compiled,
    )  # fmt: skip


def _transformed(source: Minibatches, transform: Transform | None) -> Minibatches:
    return source if transform is None else TransformedBatches(source, transform=transform)


def _stepper(
    svi: SVI,
    objective: Objective,
    loop: Loop,
    store: RunStore,
    source: FittedBatches,
    inventory: Inventory,
    loss_scale: LossScale,
    team: Team,
) -> Stepper:
    if team.alone:
        return Stepper(svi, objective, loop, store, source)
    svi.all_reduce = AllReduce(team, svi.optimizer, inventory.buffers.values(), objective)
    sharding = Sharding(team, loss_scale, objective)
    return RankStepper(svi, objective, loop, store, source, team, sharding, svi.all_reduce)


def _validation(
    objective: Objective,
    source: FittedBatches,
    inventory: Inventory,
    loss_scale: LossScale,
    seed: int | None,
    device: torch.device,
    team: Team,
    compile: bool,
) -> Validation:
    networks = [*inventory.networks, *objective.networks.values()]
    noise = mix_seed(seed or 0, 1) % 2**32
    model, guide = loss_scale.model, loss_scale.guide
    return Validation(
        model, guide, objective, source, networks, loss_scale, noise, device, team, compile
    )


def _moved(batch: Batch, device: torch.device) -> Batch:
    return tuple(tensor.to(device) for tensor in batch)

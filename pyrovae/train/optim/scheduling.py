"""The scheduler of a run, from every kind of schedule that a user gives."""

from collections.abc import Callable
from functools import partial
from numbers import Real
from typing import Any

from pyro.optim import PyroOptim
from torch import Tensor
from torch.optim import Optimizer, lr_scheduler

from ...errors import ConfigError, first_line
from . import schedules
from .joint import JointOptimizer
from .scheduler import OF_STEPS, ByProgress, OfTorch, Scheduler, is_scheduler
from .schedules import PerEpoch, PerStep, ScheduleLike
from .words import name_and_options, simplified, unknown_name

FACTORIES: dict[str, Callable[..., schedules.Schedule]] = {
    "constant": schedules.constant,
    "cosine": schedules.cosine,
    "warmup_cosine": schedules.warmup_cosine,
    "linear": schedules.linear,
    "exponential": schedules.exponential,
    "iwae": schedules.iwae,
    "piecewise": schedules.piecewise,
}
NAMES: dict[str, Callable[..., Any]] = {
    **FACTORIES,
    "plateau": lr_scheduler.ReduceLROnPlateau,
    **{
        cls.__name__: cls
        for cls in (
            lr_scheduler.StepLR,
            lr_scheduler.MultiStepLR,
            lr_scheduler.ConstantLR,
            lr_scheduler.LinearLR,
            lr_scheduler.PolynomialLR,
            lr_scheduler.ExponentialLR,
            lr_scheduler.CosineAnnealingLR,
            lr_scheduler.CosineAnnealingWarmRestarts,
            lr_scheduler.OneCycleLR,
            lr_scheduler.CyclicLR,
            lr_scheduler.ReduceLROnPlateau,
        )
    },
}


def scheduler_of(
    wanted: ScheduleLike | None, optimizer: JointOptimizer, *, validated: bool
) -> Scheduler:
    """What changes the rates of a run.

    Args:
        wanted: See `fit`.
        optimizer: Which covers all leaves.
        validated: Whether the run has validation data.

    Raises:
        ConfigError: `wanted` is no schedule, or its scheduler is of another optimiser.
    """
    target = optimizer.torch
    if target is None:
        return Scheduler()
    per_step = isinstance(wanted, PerStep) if isinstance(wanted, PerStep | PerEpoch) else None
    if isinstance(wanted, PerStep | PerEpoch):
        wanted = wanted.scheduler
    if optimizer.scheduler is not None and wanted is not None:
        raise ConfigError(
            f"schedule={_name(wanted)} is given, and optimizer is a pyro.optim scheduler; "
            "give one of them"
        )
    found: Any = optimizer.scheduler or (None if wanted is None else _found(wanted, target))
    if found is None:
        return Scheduler()
    if not is_scheduler(found):
        return ByProgress(found, target)
    if found.optimizer is not target:
        raise ConfigError(
            f"schedule is a {type(found).__name__} of another optimiser than the run's; pass "
            "that as optimizer, or a function that makes the scheduler: "
            "schedule=lambda optimizer: ..."
        )
    if per_step is None:
        per_step = isinstance(found, OF_STEPS)
    if per_step and isinstance(found, lr_scheduler.ReduceLROnPlateau):
        raise ConfigError(
            "schedule=PerStep(...) of a ReduceLROnPlateau, which watches the bound of an "
            "epoch; pass it without PerStep"
        )
    return OfTorch(found, target, per_step=per_step, validated=validated)


def _found(wanted: Any, optimizer: Optimizer) -> Any:  # noqa: ANN401
    """A scheduler of torch, or a function of the progress."""
    if isinstance(wanted, str):
        wanted = named_schedule(wanted)
    if is_scheduler(wanted):
        return wanted
    if isinstance(wanted, PyroOptim) or not callable(wanted):
        raise ConfigError(
            f"schedule is a {type(wanted).__name__}; pass a name such as 'cosine', a "
            "function of the progress in [0, 1], or of the optimiser that makes a scheduler of "
            "torch; a pyro.optim scheduler is passed as optimizer"
        )
    inner = wanted.func if isinstance(wanted, partial) else wanted
    if any(inner is factory for factory in FACTORIES.values()):
        return _called(wanted)
    if isinstance(inner, type) and issubclass(inner, lr_scheduler.LRScheduler):
        return _made(wanted, optimizer)
    try:
        factor = wanted(0.0)
    except (TypeError, AttributeError) as error:  # it wants an optimiser, if anything
        return _made(wanted, optimizer, f"no factor for the progress 0.0 ({first_line(error)})")
    if isinstance(factor, Real) or (isinstance(factor, Tensor) and factor.numel() == 1):
        return lambda progress: float(wanted(progress))
    raise ConfigError(
        f"schedule={_name(wanted)} gives a {type(factor).__name__} for the progress 0.0, "
        "needs a number"
    )


def named_schedule(words: str) -> Callable[..., Any]:
    """What a name with options means: a schedule, or a function that makes a scheduler.

    Raises:
        ConfigError: The name is unknown, or a schedule does not take the options.
    """
    name, options = name_and_options(words, "schedule")
    known = {simplified(each): made for each, made in NAMES.items()}
    if simplified(name) not in known:
        raise unknown_name(
            "schedule", name, NAMES, "options are written as 'cosine(warmup=0.1)'; others are "
            "passed as functions"
        )  # fmt: skip
    made = partial(known[simplified(name)], **options)
    return _called(made) if made.func in FACTORIES.values() else made


def _called(factory: Callable[..., schedules.Schedule]) -> schedules.Schedule:
    """The schedule that a factory of `schedules` makes, which gives a number."""
    try:
        schedule = factory()
        float(schedule(0.0))
    except (TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"schedule={_name(factory)}: {first_line(error)}; correct its arguments"
        ) from error
    return schedule


def _made(make: Callable[..., Any], optimizer: Optimizer, before: str = "") -> Any:  # noqa: ANN401
    """The scheduler of torch that a function or a class makes, from the base rates on."""
    for group in optimizer.param_groups:
        if "initial_lr" in group:  # of a schedule before
            rate = group.pop("initial_lr")
            group["lr"] = group["lr"].fill_(rate) if isinstance(group["lr"], Tensor) else rate
    try:
        made = make(optimizer)
    except (TypeError, ValueError, AttributeError) as error:
        also = f"{before} and " if before else ""
        raise ConfigError(
            f"schedule={_name(make)} gives {also}no scheduler for the optimiser "
            f"({first_line(error)}); pass functools.partial of a class with its arguments, a "
            "function of the optimiser, or a function of the progress in [0, 1]"
        ) from error
    if not is_scheduler(made):
        raise ConfigError(
            f"schedule={_name(make)} gives a {type(made).__name__} for the optimiser, needs "
            "a scheduler of torch.optim.lr_scheduler"
        )
    return made


def _name(made: Any) -> str:  # noqa: ANN401
    made = made.func if isinstance(made, partial) else made
    return repr(made) if isinstance(made, str) else getattr(made, "__name__", type(made).__name__)

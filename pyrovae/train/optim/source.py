"""What an optimiser is made from, read from whatever the user gives."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, cast

import pyro.optim
import torch
from pyro.optim import PyroLRScheduler, PyroOptim
from pyro.optim.clipped_adam import ClippedAdam
from torch.optim import Optimizer

from ...errors import ConfigError
from .rates import LearningRate, checked_rate, finite
from .recipe import WAYS, Factory, Recipe, Source, checked_optimizer, name_of
from .words import name_and_options, simplified, unknown_name

OptimizerLike = str | Callable[..., Any] | Optimizer | PyroOptim
"""A name, a class of torch's, what makes an optimiser over some tensors, or an optimiser."""

NAMES: dict[str, type[Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadam": torch.optim.NAdam,
    "radam": torch.optim.RAdam,
    "adamax": torch.optim.Adamax,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adafactor": torch.optim.Adafactor,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
    "asgd": torch.optim.ASGD,
    "clippedadam": ClippedAdam,
}
_FUSED = {"adam", "adamw", "sgd"}
_WAYS_OF_A_STEP = {"fused", "foreach", "differentiable"}


def source_of(
    wanted: OptimizerLike, lr: LearningRate | None, weight_decay: float | None
) -> Source:
    """What an optimiser will be made from, its arguments checked.

    Raises:
        ConfigError: A name is unknown, a rate or a weight decay is no number of at least 0, or
            they are given twice or where they cannot be used.
    """
    rates = {} if lr is None else checked_rate(lr)
    own = rates if isinstance(rates, dict) else {"": rates}
    numbers = {"lr": own.get(""), "weight_decay": weight_decay}
    if weight_decay is not None:
        numbers["weight_decay"] = finite(weight_decay, "weight_decay")
    recipe = _recipe(wanted)
    if recipe is not None:
        given = {key: value for key, value in numbers.items() if value is not None}
        for key, value in given.items():
            if recipe.options.get(key, value) != value:
                raise ConfigError(
                    f"{key}={value!r} is given, and optimizer has {key}={recipe.options[key]!r}; "
                    f"give {key} once"
                )
        _check_taken(recipe.cls, given)
        parts = {part: rate for part, rate in own.items() if part}
        return Recipe(recipe.cls, {**recipe.options, **given}, parts, recipe.fused)
    if isinstance(rates, dict) and rates:
        raise ConfigError(
            "lr by part of the pair needs an optimizer that is not made yet: a name, a class or a "
            "functools.partial of one; or put the parameters into groups with rates yourself"
        )
    if isinstance(wanted, Optimizer):
        return checked_optimizer(wanted)
    if isinstance(wanted, PyroOptim):
        return wanted
    if callable(wanted):
        return Factory(wanted)
    raise ConfigError(f"the optimiser is a {type(wanted).__name__}; {WAYS}")


def default_optimizer(weight_decay: float | None) -> str:
    """The name of the optimiser where none is named: AdamW where weights are to decay."""
    return "adamw" if weight_decay else "adam"


def check_as_given(
    groups: Iterable[Mapping[str, Any]], lr: LearningRate | None, weight_decay: float | None
) -> None:
    """Refuse a rate or a weight decay that an optimiser of the user's own does not have.

    Raises:
        ConfigError: It has others, or one that is negative, infinite or no number.
    """
    held = [{**group, "lr": group.get("initial_lr", group.get("lr"))} for group in groups]
    for key, value in {"lr": lr, "weight_decay": weight_decay}.items():
        own = [group.get(key) for group in held]  # groups may differ from the default
        if value is not None and not any(one is not None and float(one) == value for one in own):
            raise ConfigError(
                f"{key}={value!r} is given, and optimizer makes an optimiser with "
                f"{key}={own[0]!r}; leave one of them out, or pass the class or a "
                "functools.partial of it"
            )
    for group in held:
        if group["lr"] is not None:
            finite(group["lr"], "the optimiser's lr")


def _recipe(wanted: Any) -> Recipe | None:  # noqa: ANN401
    """Class and options; None where they are not known."""
    if isinstance(wanted, str):
        name, options = name_and_options(wanted, "optimizer")
        key = simplified(name)
        if key not in NAMES:
            raise unknown_name(
                "optimizer",
                name,
                NAMES,
                "in Python others are passed as classes, torch.optim.Muon say",
            )
        _check_taken(NAMES[key], options)
        fused = key in _FUSED and not _WAYS_OF_A_STEP & {*options}
        return Recipe(NAMES[key], options, fused=fused)
    if isinstance(wanted, partial) and not wanted.args:
        inner = _recipe(wanted.func)
        return inner and Recipe(inner.cls, {**inner.options, **wanted.keywords})
    if isinstance(wanted, type) and issubclass(wanted, Optimizer):
        return Recipe(wanted)
    if callable(wanted) and any(wanted is made for made in vars(pyro.optim).values()):
        return Recipe(_inside(wanted))
    return None


def _inside(wrapper: Callable[..., Any]) -> Callable[..., Any]:
    """The torch class that a function of `pyro.optim` wraps."""
    try:
        made = wrapper({})
    except (KeyError, TypeError):
        made = None
    if not isinstance(made, PyroOptim) or isinstance(made, PyroLRScheduler):
        raise ConfigError(
            f"optimizer is pyro.optim.{name_of(wrapper)} without its arguments, which it needs; "
            "call it as Pyro does, with a dictionary"
        )
    return cast(Any, made.pt_optim_constructor)


def _check_taken(cls: Callable[..., Any], options: Iterable[str]) -> None:
    parameters = inspect.signature(cls).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    takes = [name for name in parameters if name != "params"]
    for option in options:
        if option not in takes:
            raise ConfigError(
                f"optimizer {name_of(cls)} takes no {option}; it takes {', '.join(takes)}"
            )

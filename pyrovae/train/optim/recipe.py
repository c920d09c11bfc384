"""An optimiser that is to be made over a pair's leaves, once these are known."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyro.optim
import torch
from pyro.optim import PyroLRScheduler, PyroOptim
from pyro.optim.clipped_adam import ClippedAdam
from torch import Tensor
from torch.optim import Optimizer

from ...errors import ConfigError, first_line
from .rates import LearningRate, by_rate, check_parts, checked_rate, finite
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
_WAYS = (
    "pass a name, a class such as torch.optim.AdamW, functools.partial(torch.optim.SGD, "
    "momentum=0.9), a function of the leaves, a pyro.optim wrapper such as "
    "pyro.optim.Adam({'lr': 1e-3}), or a torch optimiser over the pair's parameters "
    "(pyrovae.trainable(model, guide, *batch).values())"
)


@dataclass(frozen=True)
class Recipe:
    """A class of optimisers with options, to be made over leaves.

    Attributes:
        cls: The class.
        options: Its keyword arguments.
        rates: Learning rates of parts of the pair that have their own.
        fused: Take torch's fused implementation where the leaves allow it.
    """

    cls: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)
    fused: bool = False

    def make(self, leaves: Mapping[str, Tensor]) -> Optimizer:
        """The optimiser over these leaves.

        Raises:
            ConfigError: A part has no leaves, or the class does not take the options or leaves.
        """
        check_parts(leaves, self.rates)
        options = dict(self.options)
        if self.fused:
            tensors = leaves.values()
            kinds = all(t.device.type in ("cpu", "cuda") for t in tensors)
            options["fused"] = kinds and all(t.is_floating_point() for t in tensors)
        try:
            made = self.cls(self.groups(leaves), **options)
        except (TypeError, ValueError, LookupError, RuntimeError) as error:
            raise ConfigError(
                f"optimizer: {_name(self.cls)} cannot be made over the parameters of the pair "
                f"({first_line(error)}); {_WAYS}"
            ) from error
        return checked_optimizer(made)

    def groups(self, leaves: Mapping[str, Tensor]) -> list[dict[str, Any]]:
        """Parameter groups, one for each rate."""
        return [
            {"params": held} if rate is None else {"params": held, "lr": rate}
            for rate, held in by_rate(leaves, self.rates)
        ]


@dataclass(frozen=True)
class Factory:
    """A function of the user's that makes an optimiser from a list of tensors."""

    function: Callable[[list[Tensor]], Any]

    def make(self, leaves: Mapping[str, Tensor]) -> Optimizer | PyroOptim:
        """What it makes.

        Raises:
            ConfigError: That is no optimiser.
        """
        made = self.function(list(leaves.values()))
        if not isinstance(made, Optimizer | PyroOptim):
            raise ConfigError(
                f"optimizer: {_name(self.function)} made a {type(made).__name__}, and must make "
                f"an optimiser from a list of tensors; {_WAYS}"
            )
        return made if isinstance(made, PyroOptim) else checked_optimizer(made)


Source = Recipe | Factory | Optimizer | PyroOptim
"""An optimiser, or what will make one."""


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
    raise ConfigError(f"the optimiser is a {type(wanted).__name__}; {_WAYS}")


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
    for group in groups:
        held = {**group, "lr": group.get("initial_lr", group.get("lr"))}
        for key, value in {"lr": lr, "weight_decay": weight_decay}.items():
            if value is not None and (held.get(key) is None or float(held[key]) != value):
                raise ConfigError(
                    f"{key}={value!r} is given, and optimizer makes an optimiser with "
                    f"{key}={held.get(key)!r}; leave one of them out, or pass the class or a "
                    "functools.partial of it"
                )
        if held["lr"] is not None:
            finite(held["lr"], "the optimiser's lr")


def checked_optimizer(made: Optimizer) -> Optimizer:
    """An optimiser that steps by the gradients alone.

    Raises:
        ConfigError: It would evaluate the loss anew, as LBFGS does.
    """
    closure = inspect.signature(type(made).step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise ConfigError(
            f"optimizer: {type(made).__name__} evaluates the loss several times in a step, and "
            "the loss of a pair is another at every evaluation; use Adam or one of "
            f"{', '.join(NAMES)}"
        )
    return made


def _recipe(wanted: Any) -> Recipe | None:  # noqa: ANN401
    """Class and options; None where they are not known."""
    if isinstance(wanted, str):
        name, options = name_and_options(wanted, "optimizer")
        key = simplified(name)
        if key not in NAMES:
            raise unknown_name(
                "optimizer", name, NAMES, "others are passed as classes, torch.optim.Muon say"
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
            f"optimizer is pyro.optim.{_name(wrapper)} without its arguments, which it needs; "
            "call it as Pyro does, with a dictionary"
        )
    return made.pt_optim_constructor


def _check_taken(cls: Callable[..., Any], options: Iterable[str]) -> None:
    parameters = inspect.signature(cls).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    takes = [name for name in parameters if name != "params"]
    for option in options:
        if option not in takes:
            raise ConfigError(
                f"optimizer {_name(cls)} takes no {option}; it takes {', '.join(takes)}"
            )


def _name(made: Any) -> str:  # noqa: ANN401
    return getattr(made, "__name__", type(made).__name__)

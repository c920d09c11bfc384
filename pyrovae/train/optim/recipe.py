"""An optimiser that is to be made over a pair's leaves, once these are known."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyro.optim import PyroOptim
from torch import Tensor
from torch.optim import Optimizer

from ...errors import ConfigError, first_line
from .rates import by_rate, check_parts

WAYS = (
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
                f"optimizer: {name_of(self.cls)} cannot be made over the parameters of the pair "
                f"({first_line(error)}); {WAYS}"
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
                f"optimizer: {name_of(self.function)} made a {type(made).__name__}, and must make "
                f"an optimiser from a list of tensors; {WAYS}"
            )
        return made if isinstance(made, PyroOptim) else checked_optimizer(made)


Source = Recipe | Factory | Optimizer | PyroOptim
"""An optimiser, or what will make one."""


def checked_optimizer(made: Optimizer) -> Optimizer:
    """An optimiser that steps by the gradients alone.

    Raises:
        ConfigError: It would evaluate the loss anew, as LBFGS does.
    """
    closure = inspect.signature(type(made).step).parameters.get("closure")
    if closure is not None and closure.default is inspect.Parameter.empty:
        raise ConfigError(
            f"optimizer: {type(made).__name__} evaluates the loss several times in a step, and "
            "the loss of a pair is another at every evaluation; use Adam, AdamW, SGD"
        )
    return made


def name_of(made: Any) -> str:  # noqa: ANN401
    """What a class or a function is called."""
    return getattr(made, "__name__", type(made).__name__)

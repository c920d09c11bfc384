"""Statistics T(x) of a data set, by word or as functions of the user's own."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from ...errors import ConfigError, DataError, ShapeError

Word = Literal[
    "mean", "sd", "min", "max", "zeros", "lit", "lit_sd", "sum_sd", "roughness", "element_means",
    "element_sds",
]  # fmt: skip
"""Names of the statistics that are there:

"mean", "sd", "min" and "max" of all elements; "zeros", the share of elements that are zero; "lit",
the mean number of elements of a datum that are not, and "lit_sd", its standard deviation over the
data; "sum_sd", that of a datum's sum; "roughness", the mean absolute difference of elements next
to each other in the last axis; "element_means" and "element_sds", over the data, of each element.
"""

Latents = dict[str, Tensor]
"""Latents by site, each [N, ...]."""

Statistic = Callable[[Tensor], Any] | Callable[[Tensor, Latents], Any]
"""T(x) of a data set [N, ...], or T(x, z): a number or several, as a tensor, array or list."""

Statistics = Sequence[Word] | Sequence[Word | Statistic] | Mapping[str, Word | Statistic]
"""Words, functions, or both by a name of one's own."""


@dataclass(frozen=True)
class NamedStatistic:
    """A statistic with its name.

    Attributes:
        name: For tables.
        function: See `Statistic`.
        takes_latents: It is T(x, z).
        is_word: It was given by a word.
    """

    name: str
    function: Callable[..., Any]
    takes_latents: bool
    is_word: bool = False

    def __call__(self, x: Tensor, z: Latents) -> Tensor:
        """Its values [M], float64.

        Raises:
            DataError: One is not finite.
            ShapeError: It gives no number, or more than one axis of them.
        """
        found = self.function(x, z) if self.takes_latents else self.function(x)
        try:
            values = torch.as_tensor(found).detach().cpu().double()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ShapeError(
                f"statistic '{self.name}' gave {type(found).__name__}, and must give a number or "
                "a vector of them"
            ) from error
        if values.dim() > 1 or values.numel() == 0 or (self.takes_latents and values.numel() > 1):
            needs = "one number" if self.takes_latents else "a number or a vector"
            raise ShapeError(
                f"statistic '{self.name}' has the shape {list(values.shape)}, and must give "
                f"{needs} for the whole data set"
            )
        if not bool(values.isfinite().all()):
            raise DataError(
                f"statistic '{self.name}' is {values[~values.isfinite()][0].item()} for data "
                f"{list(x.shape)}; give one that is finite for every data set"
            )
        return values.reshape(-1)


def named(statistics: Statistics) -> list[NamedStatistic]:
    """The statistics by name.

    Raises:
        ConfigError: There is none, a word is not known, two have one name, or a function takes
            neither x nor x and z.
    """
    given: list[tuple[str, Any]]
    if isinstance(statistics, Mapping):
        given = list(statistics.items())
    elif isinstance(statistics, str) or callable(statistics):
        given = [(_name_of(statistics), statistics)]
    else:
        given = [(_name_of(statistic), statistic) for statistic in statistics]
    names = [name for name, _ in given]
    if not names or len(set(names)) < len(names):
        raise ConfigError(
            f"statistics are {names}: give one at least, and each a name of its own: "
            "statistics={'name': function}"
        )
    return [_named(name, statistic) for name, statistic in given]


def _name_of(statistic: object) -> str:
    if isinstance(statistic, str):
        return statistic
    return getattr(statistic, "__name__", type(statistic).__name__)


def _named(name: str, statistic: object) -> NamedStatistic:
    if isinstance(statistic, str):
        if statistic not in _BY_WORD:
            near = get_close_matches(statistic, _BY_WORD, n=1)
            hint = f"do you mean '{near[0]}'? " if near else ""
            raise ConfigError(
                f"there is no statistic '{statistic}'; {hint}There are "
                f"{', '.join(get_args(Word))}, and any function of the data"
            )
        return NamedStatistic(name, _BY_WORD[statistic], takes_latents=False, is_word=True)
    if not callable(statistic):
        raise ConfigError(
            f"statistic '{name}' is of type {type(statistic).__name__}; give a word or a function"
        )
    try:
        parameters = inspect.signature(statistic).parameters.values()
    except (TypeError, ValueError):  # of a function that is not written in Python
        return NamedStatistic(name, statistic, takes_latents=False)
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.default is p.empty and p.kind in positional]
    if len(needed) > 2:
        raise ConfigError(
            f"statistic '{name}' takes {len(needed)} arguments, and is called as T(x) or T(x, z)"
        )
    return NamedStatistic(name, statistic, takes_latents=len(needed) == 2)


def _roughness(x: Tensor) -> Tensor:
    if x.dim() < 2 or x.shape[-1] < 2:
        return x.new_zeros(())
    return x.double().diff(dim=-1).abs().mean()


def _sd(x: Tensor) -> Tensor:
    return x.double().std(unbiased=False)


def _by_datum(x: Tensor) -> Tensor:
    return x.reshape(len(x), -1)


_BY_WORD: dict[str, Callable[[Tensor], Any]] = {
    "mean": lambda x: x.double().mean(),
    "sd": _sd,
    "min": lambda x: x.min(),
    "max": lambda x: x.max(),
    "zeros": lambda x: (x == 0).double().mean(),
    "lit": lambda x: (_by_datum(x) != 0).double().sum(-1).mean(),
    "lit_sd": lambda x: _sd((_by_datum(x) != 0).sum(-1)),
    "sum_sd": lambda x: _sd(_by_datum(x).double().sum(-1)),
    "roughness": _roughness,
    "element_means": lambda x: _by_datum(x).double().mean(0),
    "element_sds": lambda x: _by_datum(x).double().std(0, unbiased=False),
}

"""Whether a pair takes what it will be called with: how many tensors, of which shape."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pyro.infer.autoguide import AutoGuide
from torch import Tensor, nn

from ..errors import ConfigError, DataError, ShapeError, first_line
from .handlers import Program


@dataclass(frozen=True)
class Takes:
    """The positional arguments of a program.

    Attributes:
        names: Those that have a name, in order.
        required: How many it needs.
        limit: How many it takes; None is any number.
        keywords: What it needs by keyword alone.
    """

    names: tuple[str, ...]
    required: int
    limit: int | None
    keywords: tuple[str, ...]

    def takes(self, count: int) -> bool:
        """Whether so many are right."""
        return self.required <= count and (self.limit is None or count <= self.limit)

    def __str__(self) -> str:
        """Its arguments, as in a definition."""
        optional = [f"{name}=..." for name in self.names[self.required :]]
        more = ["*args"] if self.limit is None else []
        return f"({', '.join([*self.names[: self.required], *optional, *more])})"


def takes_of(program: Program) -> Takes | None:
    """What a program takes; None where that is not known.

    A network is asked for its `forward`. An automatic guide takes what its model takes.
    """
    if isinstance(program, AutoGuide):
        return None
    called: Any = program
    if isinstance(program, nn.Module):
        called = getattr(program, "_orig_mod", program).forward  # that of `torch.compile`
    try:
        parameters = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):  # some that are written in C
        return None
    placed = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return Takes(
        names=tuple(p.name for p in placed),
        required=sum(p.default is p.empty for p in placed),
        limit=None if any(p.kind is p.VAR_POSITIONAL for p in parameters) else len(placed),
        keywords=tuple(
            p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty
        ),
    )


def names_of(model: Program, count: int) -> tuple[str, ...]:
    """Names for the tensors of a batch, for messages: those of the model's arguments."""
    found = takes_of(model)
    known = () if found is None else found.names[:count]
    return known + tuple(f"tensor {place}" for place in range(len(known), count))


def check_count(
    model: Program, guide: Program, count: int, held: str, more: str | None = None
) -> None:
    """Refuse a number of arguments that the programs do not take, by their signatures.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        count: How many arguments there will be.
        held: What holds them, with a verb, for messages: "fit: batches hold".
        more: The way out where there are too many; None is `columns`.

    Raises:
        DataError: There are more or fewer than the pair takes.
        ConfigError: No number is right for both programs.
    """
    found = {"model": takes_of(model), "guide": takes_of(guide)}
    known = {role: takes for role, takes in found.items() if takes is not None}
    for role, takes in known.items():
        if takes.keywords:
            name = takes.keywords[0]
            raise ConfigError(
                f"the {role} needs '{name}' by keyword, and is called with the tensors of a batch "
                f"in their order; bind it, functools.partial({role}, {name}=...), or define it "
                "before the *"
            )
    if all(takes.takes(count) for takes in known.values()):
        return
    least = max(takes.required for takes in known.values())
    most = min((t.limit for t in known.values() if t.limit is not None), default=None)
    if most is not None and most < least:
        raise ConfigError(
            f"the model takes {known['model']} and the guide {known['guide']}, and both are "
            "called with the same tensors; give both the same arguments, also those that one of "
            "them does not use"
        )
    tensors = f"{held} 1 tensor" if count == 1 else f"{held} {count} tensors"
    if most is not None and count > most:
        names = next(t.names for t in known.values() if t.limit == most)
        places = "0" if most == 1 else str(tuple(range(most)))
        way_out = f"pass `columns={places}`" if most else "let it take the data"
        way_out = way_out if more is None else more
        raise DataError(f"{tensors}, the pair takes {most} ({', '.join(names)}): {way_out}")
    takes = next(t for t in known.values() if t.required == least)
    needed = ", ".join(takes.names[:least])
    raise DataError(
        f"{tensors}, the pair takes ({needed}): give a tuple ({needed}), a loader of such tuples, "
        "or a split with labels, `split.labelled()`"
    )


@contextmanager
def calls_explained(model: Program, guide: Program, batch: Sequence[Any]) -> Iterator[None]:
    """Within this context errors of a pair that was given other arguments say so.

    Raises:
        DataError: A program that takes any number passes on more or fewer than are taken.
        ShapeError: Images have their channels last, and a convolution wants them first.
    """
    try:
        yield
    except TypeError as error:
        found = [takes_of(program) for program in (model, guide)]
        is_open = any(takes is None or takes.limit is None for takes in found)
        if not is_open or "positional argument" not in str(error):
            raise
        raise DataError(
            f"the pair was called with {len(batch)} tensor(s) of a batch, and "
            f"{first_line(error)}; give as many as it takes, or pick some with columns="
        ) from error
    except RuntimeError as error:
        advice = _channels_advice(batch, str(error))
        if advice is None:
            raise
        raise ShapeError(advice) from error


def _channels_advice(batch: Sequence[Any], message: str) -> str | None:
    """What to do where a convolution has met images [B, H, W, C]."""
    x = batch[0] if batch else None
    if not isinstance(x, Tensor) or x.dim() != 4 or "channels" not in message:
        return None
    if f"to have {x.shape[-1]} channels, but got {x.shape[1]} channels" not in message:
        return None
    return channels_first(x)


def channels_first(x: Tensor) -> str:
    """The advice for images whose channels are last."""
    height, width, channels = x.shape[1:]
    return (
        f"the images are [B, {height}, {width}, {channels}], channels last, and the pair takes "
        f"[B, {channels}, {height}, {width}]; give x.permute(0, 3, 1, 2), or "
        "transform=lambda x: x.permute(0, 3, 1, 2)"
    )

"""Methods of a family that take data of every kind, a block of rows at a time."""

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial, wraps
from inspect import Parameter, signature
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from ..data import rows
from ..data.rows.frames import is_frame
from ..distributions.joined import joined
from ..errors import DataError
from ..particles.argument_types import ArgumentTypes
from ..particles.handlers import is_in_program

F = TypeVar("F", bound=nn.Module)
P = ParamSpec("P")
R = TypeVar("R")

Companion: TypeAlias = Any
"""What stands beside x, such as a y or a mask: data of every kind."""

IN_DATA: Any = Ellipsis
"""Default of a y or a mask that is left out where the data hold it, and needed else."""

_ROWS = 1000  # data that a network sees at once


def takes_any_data(
    method: Callable[Concatenate[F, Tensor, P], R],
) -> Callable[Concatenate[F, Any, P], R]:
    """Decorator: a method of x [B, ...], and of a y or a mask [B, ...], takes data of every kind.

    They are what `pyrovae.data.rows` takes: tensors and arrays of any dtype, frames, data sets,
    loaders, files. Data of several tensors give x, and where the method takes one its y or mask;
    others are left out. All are brought to the module's device, and floats to its dtype.

    Tensors are one block while gradients are computed, so that what comes out can be
    differentiated. Otherwise a network sees a thousand rows at a time, without gradients, and the
    results of all blocks are joined. Within a Pyro program nothing is changed.

    Raises:
        DataError: From a call: the data are of no such kind, or hold no y where one is needed.
    """
    return _taking(method, _ROWS)


def takes_whole_data(
    method: Callable[Concatenate[F, Tensor, P], R],
) -> Callable[Concatenate[F, Any, P], R]:
    """The same for a method that has to see all rows together."""
    return _taking(method, None)


def _taking(
    method: Callable[Concatenate[F, Tensor, P], R], size: int | None
) -> Callable[Concatenate[F, Any, P], R]:
    beside, wanted = _beside(method)

    @wraps(method)
    def run(self: F, x: Any, *args: P.args, **kwargs: P.kwargs) -> R:  # noqa: ANN401
        if is_in_program():
            return method(self, x, *args, **kwargs)
        given: list[Any] = [x, *args]
        if len(given) == 1 and is_frame(x) and not any(b.name in kwargs for b in beside):
            given = list(_by_name(self, x))
        for parameter in beside:
            if len(given) == 1 and parameter.name in kwargs:
                given.append(kwargs.pop(parameter.name))
        given, rest = (
            [g for g in given[:wanted] if g is not None and g is not IN_DATA],
            given[wanted:],
        )
        call: Callable[..., R] = partial(method, self)

        def result(tensors: Sequence[Tensor]) -> R:
            where = f"{type(self).__name__}.{method.__name__}"
            _check_beside(where, beside, tensors)
            return call(*as_of(self, tensors, where), *rest, **kwargs)

        if all(isinstance(g, Tensor) for g in given) and (
            size is None or torch.is_grad_enabled() or _length(given) <= size
        ):
            return result(given)
        with torch.no_grad():
            made: R = _joined([result(block) for block in _blocks(given, wanted, size)])
        return made

    return run


def _by_name(family: nn.Module, frame: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """What a family of tables makes of a frame, whose columns it knows by name; else the frame."""
    read = getattr(family, "to_rows", None)
    return tuple(read(frame)) if callable(read) else (frame,)


def _beside(method: Callable[..., Any]) -> tuple[list[Parameter], int]:
    """The argument of a method that stands beside x, and how many tensors it takes with that."""
    given = list(signature(method).parameters.values())
    if any(p.kind is Parameter.VAR_POSITIONAL for p in given):
        return [], sys.maxsize
    beside = [p for p in given if p.kind is Parameter.POSITIONAL_OR_KEYWORD][2:3]
    return beside, 1 + len(beside)


def _blocks(given: Sequence[Any], wanted: int, size: int | None) -> Iterator[list[Tensor]]:
    """x, and what stands beside it, of some rows at a time."""
    tables = [rows(each) for each in given]
    lengths = {len(table) for table in tables}
    if len(lengths) > 1:
        raise DataError(
            f"x and what comes with it have {', '.join(str(len(t)) for t in tables)} rows; give "
            "as many of both"
        )
    step = size or len(tables[0])
    for start in range(0, len(tables[0]), step):
        place = slice(start, start + step)
        if len(tables) == 1:
            yield list(tables[0][place][:wanted])
        else:  # each is one tensor: what else they hold is left out
            yield [table[place][0] for table in tables]


def _check_beside(where: str, beside: Sequence[Parameter], given: Sequence[Tensor]) -> None:
    if beside and len(given) == 1 and beside[0].default in (Parameter.empty, IN_DATA):
        method = where.rpartition(".")[-1]
        raise DataError(
            f"{where} takes x and {beside[0].name}, and got x alone; call it as "
            f"{method}(x, {beside[0].name}), or with data that hold both"
        )


def as_of(family: nn.Module, given: Sequence[Tensor], where: str) -> list[Tensor]:
    """Tensors on the device of a module; x and other floats in its dtype.

    Raises:
        DataError: This dtype cannot hold the data.
    """
    tensors = [*family.parameters(), *family.buffers()]
    some = next((t for t in tensors if t.is_floating_point()), torch.zeros(()))
    types = tuple(some.dtype if i == 0 or t.is_floating_point() else None
                  for i, t in enumerate(given))  # fmt: skip
    names = ("x", "y", *(f"argument {i}" for i in range(2, len(given))))[: len(given)]
    made = ArgumentTypes(types, names)
    made.check(given, where)
    return [t.to(some.device) for t in made(given)]


def _length(given: Sequence[Tensor]) -> int:
    return len(given[0]) if given[0].dim() else 0


def _joined(found: Sequence[Any]) -> Any:  # noqa: ANN401
    if len(found) == 1:
        return found[0]
    if isinstance(found[0], Tensor):
        return torch.cat(list(found))
    if isinstance(found[0], dict):
        return {name: joined([part[name] for part in found]) for name in found[0]}
    return joined(found)

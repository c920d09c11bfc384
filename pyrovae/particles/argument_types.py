"""The number types of what a pair is called with, brought to its own where nothing is lost."""

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError
from .arguments import names_of
from .handlers import Program
from .held_networks import held_networks
from .isolation import isolated
from .own_parameters import captured_parameters, own_parameters
from .traces import sample_sites
from .tracing import FAILURES, Pair

_TOLERANCE = 1e-4  # of a column's standard deviation, which rounding may change it by
_BLOCK = 2**22  # numbers that are checked at a time

_ABOUT_TYPES = re.compile(r"dtype|scalar type|not implemented for|\b(Byte|Bool|Char|Int|Long)\b")


@dataclass(frozen=True)
class ArgumentTypes:
    """To which type each argument of a pair is brought.

    Attributes:
        types: Of each argument; None leaves it as it is.
        names: Of the arguments, for messages.
    """

    types: tuple[torch.dtype | None, ...]
    names: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Whether there is something to do."""
        return any(dtype is not None for dtype in self.types)

    def __call__(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """The arguments in these types."""
        return tuple(
            arg if dtype is None or not isinstance(arg, Tensor) else arg.to(dtype)
            for arg, dtype in zip(args, self.types, strict=True)
        )

    def check(self, args: Sequence[Any], where: str, start: int = 0) -> None:
        """Refuse numbers that the types cannot hold.

        Args:
            args: Before they are brought to these types.
            where: What they are, for messages.
            start: Number of the first row.

        Raises:
            DataError: An integer has no exact float; or a float overflows, or is rounded by more
                than 1e-4 of the standard deviation of its column.
        """
        for arg, dtype, name in zip(args, self.types, self.names, strict=True):
            if isinstance(arg, Tensor) and dtype is not None and arg.dtype != dtype:
                _check_exact(arg.detach(), dtype, f"{where}: {name}", start)


def argument_types(model: Program, guide: Program, args: Sequence[Any]) -> ArgumentTypes:
    """The types in which a pair takes its arguments, as runs on some of them show.

    Floats become those of the pair's parameters. Integers and truth values stay where the pair
    takes them; else the first argument becomes floats, and if that is not enough, all do.

    Args:
        model: Pyro model.
        guide: Pyro guide.
        args: For some rows, on the device of the pair.
    """
    names = names_of(model, len(args))
    types = [arg.dtype if isinstance(arg, Tensor) else None for arg in args]
    known = _types_of(p for net in held_networks(model, guide) for p in net.parameters())
    if not known and any(types):
        known = _types_of(_declared(model, guide, args))
    floats: list[torch.dtype | None] = [*known]
    if len(known) != 1:
        floats = [None, *known]  # as they are first, where the pair has several types
    choices = [
        ArgumentTypes(_changes(types, places, dtype), names)
        for dtype in floats
        for places in _whole_places(args)
    ]
    if len(choices) == 1:
        return choices[0]
    failed = []
    for choice in choices:
        error = _error_of(model, guide, choice(args))
        if error is None:
            return choice
        failed.append((choice, str(error)))
    # The pair will fail, and should say more than that types differ.
    return next((c for c, error in failed if not _ABOUT_TYPES.search(error)), choices[0])


def _changes(
    types: Sequence[torch.dtype | None], places: Sequence[int], dtype: torch.dtype | None
) -> tuple[torch.dtype | None, ...]:
    """What floats become, and whole numbers at these places; None where nothing changes."""
    made: list[torch.dtype | None] = []
    for place, given in enumerate(types):
        wanted = dtype if given is not None and given.is_floating_point else None
        if place in places:
            wanted = dtype or torch.get_default_dtype()
        made.append(None if wanted == given else wanted)
    return tuple(made)


def _whole_places(args: Sequence[Any]) -> list[list[int]]:
    """Which arguments of whole numbers may have to become floats, the likeliest first.

    Labels [N] of classes stay.
    """
    wholes = [i for i, arg in enumerate(args) if isinstance(arg, Tensor) and _is_whole(arg.dtype)]
    tables = [i for i in wholes if i == 0 or args[i].dim() > 1]
    first = [[0]] if 0 in tables and len(tables) > 1 else []
    return [[], *first, tables] if tables else [[]]


def _is_whole(dtype: torch.dtype) -> bool:
    return not dtype.is_floating_point and not dtype.is_complex


def _types_of(tensors: Iterable[Tensor]) -> list[torch.dtype]:
    return list(dict.fromkeys(t.dtype for t in tensors if t.is_floating_point()))


def _declared(model: Program, guide: Program, args: Sequence[Any]) -> list[Tensor]:
    """The parameters that a pair declares until it fails, if it does."""
    found: list[Tensor] = []
    for program in (guide, model):
        with isolated(), torch.no_grad(), _quiet(), captured_parameters() as leaves:
            with suppress(*FAILURES):
                program(*args)
        found += leaves.values()
    return found


def _error_of(model: Program, guide: Program, args: Sequence[Any]) -> Exception | None:
    """What a pair raises on its arguments; None where all its densities can be computed."""
    with isolated(), torch.no_grad(), _quiet(), own_parameters():
        try:
            for trace in Pair(model, guide, tuple(args), {}).trace():
                for site in sample_sites(trace).values():
                    site["fn"].log_prob(site["value"], *site["args"], **site["kwargs"])
        except FAILURES as error:
            return error
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _check_exact(given: Tensor, dtype: torch.dtype, what: str, start: int) -> None:
    if _always_holds(dtype, given.dtype) or given.numel() == 0 or given.is_meta:
        return
    check = _check_whole if _is_whole(given.dtype) else _check_rounding
    table = given.reshape(len(given) if given.dim() else 1, -1)
    size = max(1, _BLOCK // table.shape[1])
    for place in range(0, len(table), size):
        check(table[place : place + size], dtype, what, start + place)


def _always_holds(dtype: torch.dtype, given: torch.dtype) -> bool:
    if given == torch.bool:
        return True
    if _is_whole(given):
        return torch.iinfo(given).max <= _largest_whole(dtype)
    return torch.promote_types(given, dtype) == dtype


def _largest_whole(dtype: torch.dtype) -> int:
    """Up to which all whole numbers have an exact float."""
    return int(2 / torch.finfo(dtype).eps)


def _check_whole(given: Tensor, dtype: torch.dtype, what: str, start: int) -> None:
    lost = given.to(dtype).to(torch.int64) != given.to(torch.int64)
    if not bool(lost.any()):
        return
    row, column = (int(i) for i in lost.nonzero()[0])
    raise DataError(
        f"{what} holds {int(given[row, column])} at row {start + row}, column {column}, and the "
        f"pair computes in {_name(dtype)}, which holds all whole numbers up to "
        f"{_largest_whole(dtype):,} only; scale the data, or make the pair float64, pair.double()"
    )


def _check_rounding(given: Tensor, dtype: torch.dtype, what: str, start: int) -> None:
    made = given.to(dtype)
    grown = made.isinf() & ~given.isinf()
    if bool(grown.any()):
        row, column = (int(i) for i in grown.nonzero()[0])
        raise DataError(
            f"{what} holds {float(given[row, column]):g} at row {start + row}, column {column}, "
            f"which is beyond {_name(dtype)}, in which the pair computes; scale the data"
        )
    exact = given.double()
    changed = (made.double() - exact).nan_to_num(0.0, 0.0, 0.0).abs().amax(0)
    spread = exact.nan_to_num(0.0, 0.0, 0.0).std(0, correction=0)
    lost = (changed > _TOLERANCE * spread) & (exact != exact[0]).any(0)
    if not bool(lost.any()):
        return
    column = int(lost.nonzero()[0])
    raise DataError(
        f"{what} has values such as {float(exact[0, column]):.9g} in column {column}, which "
        f"differ by {float(spread[column]):.3g} (standard deviation) and would be rounded by up "
        f"to {float(changed[column]):.3g} in {_name(dtype)}, in which the pair computes; subtract "
        "the mean of each column, or make the pair float64, pair.double()"
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")

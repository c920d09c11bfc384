"""The keywords that all measurements over data share: types, meaning, and the check of names."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from difflib import get_close_matches
from functools import wraps
from typing import Any, TypedDict, TypeVar, cast, get_type_hints

import torch

from ..data.columns import Columns, Transform
from ..particles.modes import Mode
from ..runtime.signatures import name_keywords

F = TypeVar("F", bound=Callable[..., Any])


class SweepOptions(TypedDict, total=False):
    """Keywords that every measurement over data takes: how it goes over the N data.

    Data are of any kind that `pyrovae.data.rows` takes: tensors, arrays, data frames, sparse
    matrices, files, loaders; of a dataset with splits, its `test`. They are brought to the number
    type of the pair's parameters, and read block by block where they are not in memory.

    The data are measured in blocks of rows, and the K particles of a block in chunks. No
    measurement moves random streams, buffers of networks or gradients.

    Args:
        chunk: Particles times data evaluated at once; None chooses it by `memory`. Memory grows
            with it, and the time per datum falls until the arithmetic hides the overhead of a
            draw.
        rows: Data evaluated at once; None chooses. N for a pair that cannot run on fewer, because
            its guide holds parameters per datum.
        memory: Bytes that the intermediate tensors of one draw may take, estimated by the size
            of a datum. None is 64 MB on a CPU, where more is slower, and 512 MB elsewhere.
            Networks much wider than their data (convolutions with many channels) need `chunk`.
        seed: Of the draws. The same seed and chunk give the same result; None takes a fresh seed
            from torch's global stream.
        batch_plate: The plate over data. "auto" finds the plate that encloses every site. None
            measures all data jointly, as one datum.
        vectorize_particles: False traces the pair once per particle. So does True with a pair
            that cannot take the particle axis, after one `ParticleAxisWarning`.
        mode: "evaluation" puts the pair's networks into evaluation mode and back, so that the
            value of a datum does not depend on the other data. "as is" leaves each network in
            its mode.
        progress: None shows a bar after two seconds, on a terminal and in a notebook; elsewhere a
            line a minute is logged. True always shows it, False never.
        columns: Which tensors of the data the pair gets, in which order: a place, a name, or
            several; None is all. `columns=0` leaves out labels.
        transform: Called as `transform(*tensors)` on the rows of a block, after `columns`; returns
            what the pair gets, a tensor or a tuple of tensors.

    Raises:
        ConfigError: `chunk`, `rows` or `memory` is not positive, or there is no such mode.
        DataError: There are no data, their tensors have unequal N or are more or fewer than the
            pair takes, the pair's number type would lose some of them, or they hold NaN or
            infinity where the pair does not expect it.
        PlateError: The pair draws its own subsample of the rows that it is given, or cannot run
            on a block of them.
        ShapeError: `num_particles` is below one.
        TypeError: There is no such option.
    """

    chunk: int | None
    rows: int | None
    memory: int | None
    seed: int | None
    batch_plate: str | None
    vectorize_particles: bool
    mode: Mode
    progress: bool | None
    columns: Columns | None
    transform: Transform | None


def seed_or_fresh(seed: int | None) -> int:
    """The seed; where it is None, a fresh one from torch's global stream."""
    return int(torch.randint(2**31, ())) if seed is None else seed


def spelled_out(options: type, *holders: type) -> Callable[[F], F]:
    """Decorator: show each of a function's `**options` in its signature, as `help` prints it.

    The function also refuses keywords that it does not show, by its name and with the nearest.

    Args:
        options: TypedDict with their names and types.
        holders: Dataclasses whose fields have their defaults.
    """
    defaults = {field.name: field.default for holder in holders for field in fields(holder)}
    spelled = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hint
        )
        for name, hint in get_type_hints(options).items()
    ]

    def decorate(function: F) -> F:
        @wraps(function)
        def checked(*args: Any, **keywords: Any) -> Any:  # noqa: ANN401
            unknown = [name for name in keywords if name not in shown]
            if unknown:
                raise TypeError(_unexpected(function.__name__, unknown, list(shown), options))
            return function(*args, **keywords)

        name_keywords(checked, spelled)
        shown = inspect.signature(checked).parameters
        return cast(F, checked)

    return decorate


def _unexpected(function: str, unknown: list[str], shown: list[str], options: type) -> str:
    near = list(dict.fromkeys(n for name in unknown for n in get_close_matches(name, shown, n=1)))
    hint = f"do you mean {', '.join(map(repr, near))}? " if near else ""
    return (
        f"{function}() got an unexpected keyword argument {', '.join(map(repr, unknown))}; {hint}"
        f"Besides its own arguments it takes {', '.join(get_type_hints(options))}: see "
        f"{'.'.join(options.__module__.split('.')[:2])}.{options.__name__}"
    )

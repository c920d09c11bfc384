"""What is said of recordings, as classes and as splits."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...errors import ConfigError, DataError
from ..base import mix_seed, partition

Fields = Mapping[str, Sequence[str]]
HeldOut = float | Mapping[str, Sequence[str | int]]
"""A share of the recordings, or the values of fields that its recordings have."""


def classes_of(values: Sequence[str]) -> list[str]:
    """The distinct values in order: whole numbers by size, words by the alphabet."""
    distinct = set(values)
    if all(value.isdecimal() for value in distinct):
        return sorted(distinct, key=int)
    return sorted(distinct)


def labels_of(
    fields: Fields, labels: str | Sequence[str] | None
) -> tuple[Tensor | None, dict[str, list[str]]]:
    """Classes [N] of one field, or [N, C] of several, and the names of each field's classes.

    Args:
        fields: By name, what is said of each recording.
        labels: Which become classes, in this order; None takes none.

    Raises:
        ConfigError: There is no such field.
    """
    names = [labels] if isinstance(labels, str) else list(labels or ())
    _check(fields, names, "labels")
    classes = {name: classes_of(fields[name]) for name in names}
    if not names:
        return None, {}
    columns = []
    for name in names:
        number = {value: i for i, value in enumerate(classes[name])}
        columns.append(torch.tensor([number[value] for value in fields[name]]))
    return columns[0] if isinstance(labels, str) else torch.stack(columns, 1), classes


def rows_of_splits(
    fields: Fields, count: int, val: HeldOut, test: HeldOut, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of train, val and test.

    Recordings are of the test set where they have the values that `test` says, of the validation
    set where they have those that `val` says and are not of the test set; shares are drawn among
    the others.

    Raises:
        ConfigError: There is no such field or value, or a share is none.
        DataError: Nothing is left to train on.
    """
    free = torch.arange(count)
    found: list[Tensor] = []
    for name, held in (("test", test), ("val", val)):
        if isinstance(held, Mapping):
            chosen = _matching(fields, count, held, name)[free]
        else:
            if not 0 <= held < 1:
                raise ConfigError(f"audio got {name}={held:g}; give a share, from 0 to below 1")
            rows = partition("audio", len(free), (0, round(held * count)), mix_seed(seed))
            chosen = torch.zeros(len(free), dtype=torch.bool)
            chosen[rows[2]] = True
        found.append(free[chosen])
        free = free[~chosen]
        if not len(free):
            raise DataError(f"audio: nothing of {count} recordings is left beside {name}={held}")
    order = torch.randperm(len(free), generator=torch.Generator().manual_seed(mix_seed(seed)))
    return free[order], found[1], found[0]


def check_labels(
    fields: Fields, labels: Sequence[str], held: Mapping[str, HeldOut], train: Tensor
) -> None:
    """Refuse labels whose classes are held out altogether, so that nothing is learned of them.

    Args:
        fields: By name, what is said of each recording.
        labels: The fields that become y.
        held: What `val` and `test` say.
        train: Rows of the training data.

    Raises:
        ConfigError: A class of y that is held out has no recording in the training data.
    """
    for name, given in held.items():
        for field in given if isinstance(given, Mapping) else ():
            values = fields[field]
            unseen = set(values) - {values[row] for row in train.tolist()}
            if field in labels and unseen:
                others = [label for label in labels if label != field]
                raise ConfigError(
                    f"audio got {name}={given}, which leaves no recording of {min(unseen)} to "
                    f"train on, and {field!r} is among the labels, so that y has a class of "
                    f"which nothing is learned; pass labels={others or None}"
                )


def _matching(
    fields: Fields, count: int, held: Mapping[str, Sequence[str | int]], name: str
) -> Tensor:
    _check(fields, list(held), name)
    chosen = torch.ones(count, dtype=torch.bool)
    for field, given in held.items():
        wanted = {str(v) for v in ([given] if isinstance(given, str | int) else given)}
        strange = sorted(wanted - set(fields[field]))
        if strange:
            known = classes_of(fields[field])
            raise ConfigError(
                f"audio got {name}={{{field!r}: {strange}}}, which no recording is; there are "
                f"{', '.join(known[:12])}{' ...' * (len(known) > 12)}"
            )
        chosen &= torch.tensor([value in wanted for value in fields[field]])
    return chosen


def _check(fields: Fields, names: Sequence[str], argument: str) -> None:
    strange = [name for name in names if name not in fields]
    if strange:
        raise ConfigError(
            f"audio got {argument} of {strange[0]!r}, and of each recording is known: "
            f"{', '.join(fields) or 'nothing'}; name one of these, or give pattern="
        )

"""The normal and the foreign data of `detect_anomalies`."""

import torch

from ...data import Rows, Split, rows
from ...errors import ConfigError, DataError
from ...evaluate import SweepOptions
from ...evaluate.inputs import Data
from .foreign import KINDS, foreign_data, like


def normal_and_foreign(
    x: Data, foreign: Data | None, held_out_class: int | None, seed: int, options: SweepOptions
) -> tuple[Rows, Rows]:
    """The normal and the foreign data, as the pair takes them."""
    if (foreign is None) == (held_out_class is None):
        raise ConfigError(
            "detect_anomalies needs either foreign= (data, a file, or one of "
            f"{sorted(KINDS)}) or held_out_class= (a label of x)"
        )
    if held_out_class is not None:
        if not (isinstance(x, Split) and x.y is not None and x.y.dim() == 1):
            raise DataError(
                f"held_out_class={held_out_class} needs labels, and x is a "
                f"{type(x).__name__} without; give a Split(x, y)"
            )
        strange = x[torch.eq(x.y, held_out_class)]
        if len(strange) < 2:
            raise DataError(
                f"held_out_class={held_out_class}: {len(strange)} of {len(x)} data have this "
                f"label; the labels are {x.y.unique().tolist()[:20]}"
            )
        return as_pair_takes(without_class(x, held_out_class), options), as_pair_takes(
            strange, options
        )
    normal = as_pair_takes(x, options)
    if isinstance(foreign, str) and foreign in KINDS:
        data, *rest = normal[:]
        return normal, rows((foreign_data(foreign, data, seed), *rest))
    if isinstance(foreign, str) and "." not in foreign:
        foreign_data(foreign, normal[:1][0])  # which names those that there are
    shown = normal[:1][0]
    strange_rows = as_pair_takes(foreign, options)
    return normal, rows(strange_rows, transform=lambda t, *rest: (like(t, shown), *rest))


def as_pair_takes(x: Data, options: SweepOptions) -> Rows:
    """The data as the pair takes them."""
    return rows(x, columns=options.get("columns"), transform=options.get("transform"))


def without_class(x: Data, held_out_class: int | None) -> Data:
    """The data of all other labels, where they have labels."""
    if held_out_class is None or not isinstance(x, Split) or x.y is None:
        return x
    return x[torch.ne(x.y, held_out_class)]


def some_of(x: Rows, count: int, seed: int) -> Rows:
    """At most so many rows, at random, in their order."""
    if len(x) <= count:
        return x
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:count]
    return rows(x[order.sort().values.to(x.device)])


def halves(source: Rows, seed: int) -> tuple[Rows, Rows]:
    """The rows in two parts, at random."""
    if len(source) < 2:
        raise DataError(
            "the score learns from normal data, and X has one row; give reference=, or more rows"
        )
    order = torch.randperm(len(source), generator=torch.Generator().manual_seed(seed))
    taken, left = order.tensor_split([len(source) // 2])
    return rows(source[taken]), rows(source[left])

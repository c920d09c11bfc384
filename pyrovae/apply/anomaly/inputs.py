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
    """The normal and the foreign data, as the pair takes them.

    Raises:
        ConfigError, DataError, ShapeError: See `detect_anomalies`.
    """
    if held_out_class is not None and foreign is None:
        own, strange = _by_label(x, held_out_class)
        return as_pair_takes(own, options), as_pair_takes(strange, options)
    if foreign is None or held_out_class is not None:
        raise ConfigError(
            "detect_anomalies needs either foreign= (data, a file, or one of "
            f"{sorted(KINDS)}) or held_out_class= (a label of x)"
        )
    normal = as_pair_takes(x, options)
    if isinstance(foreign, str) and (foreign in KINDS or "." not in foreign):
        data, *rest = normal[:]
        return normal, rows((foreign_data(foreign, data, seed), *rest))
    shown = normal[:1][0]
    found = as_pair_takes(foreign, options)
    return normal, rows(found, transform=lambda t, *rest: (like(t, shown), *rest))


def _by_label(x: Data, held_out_class: int) -> tuple[Split, Split]:
    if not (isinstance(x, Split) and x.y is not None and x.y.dim() == 1):
        raise DataError(
            f"held_out_class={held_out_class} needs labels, and x is a {type(x).__name__} "
            "without; give a Split(x, y)"
        )
    is_held_out = torch.eq(x.y, held_out_class)
    if int(is_held_out.sum()) < 2:
        raise DataError(
            f"held_out_class={held_out_class}: {int(is_held_out.sum())} of {len(x)} data have "
            f"this label; the labels are {x.y.unique().tolist()[:20]}"
        )
    return x[~is_held_out], x[is_held_out]


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

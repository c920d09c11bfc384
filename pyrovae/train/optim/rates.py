"""Learning rates, one for all or by part of the pair."""

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

from torch import Tensor

from ...errors import ConfigError
from ...particles.parts import is_of_part, nearest_parts, parts_of, plain_name

LearningRate = float | Mapping[str, float]
"""A rate, or rates by part of the pair: `{"encoder": 1e-4, "": 1e-3}`."""


def finite(value: Any, what: str) -> float:  # noqa: ANN401
    """A number of at least 0, as a float.

    Raises:
        ConfigError: It is none.
    """
    is_number = isinstance(value, Real) or (isinstance(value, Tensor) and value.numel() == 1)
    if not is_number or isinstance(value, bool) or not 0 <= float(value) < math.inf:
        raise ConfigError(f"{what}={value!r}, needs a finite number, 0 or more")
    return float(value)


def checked_rate(lr: Any) -> float | dict[str, float]:  # noqa: ANN401
    """A learning rate, or rates by part, as floats.

    Raises:
        ConfigError: A rate is negative, infinite or no number, or a part is no text.
    """
    if not isinstance(lr, Mapping):
        return finite(lr, "lr")
    if not lr:
        raise ConfigError('lr={} has no rate; give one by part, such as {"encoder": 1e-4}')
    for part in lr:
        if not isinstance(part, str):
            raise ConfigError(f"lr has the part {part!r}; name parts as texts, such as 'encoder'")
    return {part: finite(rate, f"lr of '{part}'") for part, rate in lr.items()}


def by_rate(
    leaves: Mapping[str, Tensor], rates: Mapping[str, float]
) -> list[tuple[float | None, list[Tensor]]]:
    """Leaves that share a rate, in order; None where no part gives one.

    The longest name of a part that a leaf is of holds for it.
    """
    found: dict[str | None, list[Tensor]] = {}
    for name, leaf in leaves.items():
        held = max((part for part in rates if is_of_part(name, part)), key=len, default=None)
        found.setdefault(held, []).append(leaf)
    return [(None if part is None else rates[part], held) for part, held in found.items()]


def check_parts(names: Mapping[str, Any], rates: Mapping[str, float]) -> None:
    """Refuse parts that the pair does not have.

    Raises:
        ConfigError: It has no such part; those that it has are listed.
    """
    for part in rates:
        if part and not any(is_of_part(name, part) for name in names):
            near = nearest_parts(part, names)
            meant = f"did you mean {' or '.join(map(repr, near))}? It" if near else "it"
            raise ConfigError(
                f"lr names the part '{part}', and the pair has no parameters of that name: "
                f"{meant} has {', '.join(parts_of(names))}, and '' names all that no other does"
            )


def with_sides(
    lr: LearningRate | None,
    leaves: Mapping[str, Tensor],
    model: Mapping[str, Tensor],
    guide: Mapping[str, Tensor],
) -> LearningRate | None:
    """Rates in which "model" and "guide", unless parts have these names, are told by parameters.

    Args:
        lr: As the user gave it.
        leaves: Of the pair.
        model: Those that the model declares.
        guide: Those that the guide declares.

    Raises:
        ConfigError: Both declare a parameter, so that it is not clear which rate holds for it.
    """
    if not isinstance(lr, Mapping):
        return lr
    declared = {"model": model, "guide": guide}
    sides = {
        side: {id(leaf) for leaf in held.values()}
        for side, held in declared.items()
        if side in lr and not any(is_of_part(name, side) for name in leaves)
    }
    found = {part: rate for part, rate in lr.items() if part not in sides}
    for name, leaf in leaves.items():
        if not sides or any(part and is_of_part(name, part) for part in found):
            continue
        in_both = all(any(leaf is other for other in held.values()) for held in declared.values())
        if in_both and "" not in found:
            raise ConfigError(
                f"lr names '{next(iter(sides))}', and model and guide both declare '{name}'; give "
                f"rates by other parts: {', '.join(parts_of(leaves))}, or '' for all the rest"
            )
        for side, ids in sides.items():
            if id(leaf) in ids and not in_both:
                found[plain_name(name)] = lr[side]
    return found

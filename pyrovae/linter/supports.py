"""What distributions take and give: ranges, and whether values lie in them."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.distributions import constraints

from .inspection import base_of
from .runs import Node

_EVERYWHERE = (constraints.real, constraints.real_vector)


def arguments_of(fn: Any) -> Iterator[tuple[str, Any, Tensor]]:  # noqa: ANN401
    """Arguments of a distribution: name, what they must be, value."""
    base = base_of(fn)
    limits = getattr(base, "arg_constraints", {})
    if not isinstance(limits, dict):
        return
    for name, limit in limits.items():
        value = vars(base).get(name)
        if isinstance(value, Tensor) and not constraints.is_dependent(limit):
            yield name, limit, value.detach()
    if hasattr(base, "base_dist"):
        yield from arguments_of(base.base_dist)


def outside_of(node: Node) -> str | None:
    """One of the data outside of the support; None where there is none."""
    limit = support_of(node["fn"])
    if limit is None:
        return None
    value = node["value"]
    inside = holds(limit, value)
    if bool(inside.all()):
        return None
    if node["mask"] is not None or type(node["fn"]).__name__ == "MaskedDistribution":
        return None
    each = holds(base_constraint(limit), value)
    if each.shape == value.shape and not bool(each.all()):
        return f"{float(value[~each][0]):.4g}"
    if inside.ndim < value.ndim and inside.shape == value.shape[: inside.ndim]:
        row = ", ".join(f"{entry:.4g}" for entry in value[~inside][0].flatten()[:4].tolist())
        more = ", ..." if value[~inside][0].numel() > 4 else ""
        return f"rows such as [{row}{more}]"
    return "other values"


def support_of(fn: Any) -> Any:  # noqa: ANN401
    try:
        return fn.support
    except (NotImplementedError, AttributeError, ValueError):
        return None


def holds(limit: Any, value: Tensor) -> Tensor:  # noqa: ANN401
    try:
        return limit.check(value)
    except (RuntimeError, ValueError, NotImplementedError, TypeError, AttributeError):
        return torch.tensor(True)


def base_constraint(limit: Any) -> Any:  # noqa: ANN401
    while isinstance(limit, constraints.independent):
        limit = limit.base_constraint
    return limit


def range_of(limit: Any) -> tuple[float, float] | None:  # noqa: ANN401
    limit = base_constraint(limit)
    if limit in _EVERYWHERE or type(limit).__name__ in ("_Real", "_RealVector"):
        return -float("inf"), float("inf")
    if getattr(limit, "is_discrete", False):
        return None
    low, high = getattr(limit, "lower_bound", None), getattr(limit, "upper_bound", None)
    if low is None and high is None:
        return None
    ends = [
        (float(torch.as_tensor(end).flatten()[0]) if end is not None else default)
        for end, default in ((low, -float("inf")), (high, float("inf")))
    ]
    return ends[0], ends[1]


def integers_of(limit: Any) -> tuple[int, int] | None:  # noqa: ANN401
    """First and last of whole numbers in a range that all rows share."""
    base = base_constraint(limit)
    if type(base).__name__ != "_IntegerInterval":
        return None
    ends = [torch.as_tensor(end).unique() for end in (base.lower_bound, base.upper_bound)]
    return (int(ends[0]), int(ends[1])) if all(end.numel() == 1 for end in ends) else None


def is_wider(one: Any, other: Any) -> bool:  # noqa: ANN401
    """Whether a support reaches beyond another one; False where that is not known."""
    whole = integers_of(one), integers_of(other)
    if whole[0] is not None and whole[1] is not None:
        return whole[0][0] < whole[1][0] or whole[0][1] > whole[1][1]
    here, there = range_of(one), range_of(other)
    if here is None or there is None:
        return False
    return here[0] < there[0] or here[1] > there[1]


def is_positive(limit: Any) -> bool:  # noqa: ANN401
    return range_of(limit) == (0.0, float("inf"))


def in_words(limit: Any) -> str:  # noqa: ANN401
    """What a constraint allows, in words."""
    if limit is None:
        return "any values"
    base = base_constraint(limit)
    known = range_of(base)
    name = type(base).__name__.strip("_").lower()
    if known == (-float("inf"), float("inf")):
        return "real numbers"
    if known == (0.0, float("inf")):
        return "positive numbers" if "greaterthan" == name else "numbers from 0 on"
    if known is not None:
        return f"numbers from {known[0]:g} to {known[1]:g}"
    whole = integers_of(base)
    if whole is not None:
        return f"whole numbers from {whole[0]} to {whole[1]}"
    words = {
        "boolean": "0 and 1", "integerinterval": "whole numbers in a range",
        "nonnegativeinteger": "whole numbers from 0 on", "simplex": "points of a simplex",
        "integergreaterthan": "whole numbers", "onehot": "one-hot vectors",
        "lowercholesky": "a lower triangular matrix with a positive diagonal",
        "positivedefinite": "a positive definite matrix",
    }  # fmt: skip
    return words.get(name, str(base).strip("_"))

"""Constraints of parameters as plain values, and back."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from pyro.distributions import constraints
from torch import Tensor

from ..errors import CheckpointError

Words = dict[str, Any]
"""The kind of a constraint, and its arguments by name: {"kind": "GreaterThan", ...}."""

_ONES = (
    constraints.corr_cholesky, constraints.corr_matrix, constraints.lower_cholesky,
    constraints.lower_triangular, constraints.nonnegative, constraints.ordered_vector,
    constraints.positive, constraints.positive_definite, constraints.positive_ordered_vector,
    constraints.positive_semidefinite, constraints.real, constraints.real_vector,
    constraints.simplex, constraints.softplus_lower_cholesky, constraints.softplus_positive,
    constraints.sphere, constraints.square, constraints.symmetric,
    constraints.unit_lower_cholesky,
    constraints.greater_than(0.0), constraints.less_than(0.0), constraints.interval(0.0, 1.0),
    constraints.half_open_interval(0.0, 1.0),
)  # fmt: skip
_KINDS = {type(one).__name__.lstrip("_"): type(one) for one in _ONES}


def words_of(constraint: Any) -> Words:  # noqa: ANN401
    """What `constraint_of` makes the same constraint of.

    One that neither Pyro nor torch has is described by its class alone.
    """
    cls = type(constraint)
    kind = cls.__name__.lstrip("_")
    if _KINDS.get(kind) is not cls:
        return {"kind": f"{cls.__module__}.{cls.__qualname__}"}
    names = inspect.signature(cls).parameters
    return {"kind": kind, **{name: _plain(getattr(constraint, name)) for name in names}}


def constraint_of(words: Words) -> Any | None:  # noqa: ANN401
    """The constraint, where it is one of Pyro's or torch's; else None.

    Raises:
        CheckpointError: The words are not those of `words_of`.
    """
    if not isinstance(words, Mapping) or not isinstance(words.get("kind"), str):
        raise CheckpointError("its description of a constraint names no kind")
    cls = _KINDS.get(words["kind"])
    if cls is None:
        return None
    given = {name: value for name, value in words.items() if name != "kind"}
    if given.keys() != inspect.signature(cls).parameters.keys():
        raise CheckpointError(f"its description of a {words['kind']} has other arguments")
    try:
        return cls(**{name: _value(name, value) for name, value in given.items()})
    except (AssertionError, TypeError, ValueError) as error:
        raise CheckpointError(f"its description of a {words['kind']} does not hold") from error


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, constraints.Constraint):
        return words_of(value)
    if isinstance(value, Tensor):
        listed = value.detach().cpu()
        return {"values": _texts(listed.double().tolist()), "dtype": str(value.dtype)}
    return value if type(value) is int else _texts(float(value))


def _value(name: str, value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping) and "kind" in value:
        inner = constraint_of(dict(value))
        if inner is not None:
            return inner
    elif isinstance(value, Mapping) and value.keys() == {"values", "dtype"}:
        dtype = getattr(torch, str(value["dtype"]).removeprefix("torch."), None)
        if isinstance(dtype, torch.dtype):
            return torch.tensor(_numbers(value["values"]), dtype=dtype)
    elif type(value) is int or isinstance(value, float | str):
        return value if type(value) is int else _numbers(value)
    raise CheckpointError(f"its description of a constraint has no value for '{name}'")


def _texts(value: Any) -> Any:  # noqa: ANN401
    """Numbers as JSON can hold them: those that are not finite as texts."""
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return value if math.isfinite(value) else str(value)


def _numbers(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise CheckpointError("its description of a constraint holds no number") from error

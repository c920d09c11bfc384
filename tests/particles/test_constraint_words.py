"""Constraints become plain values that JSON holds, and come back."""

import json
import math

import pytest
import torch
from pyro.distributions import constraints
from torch.distributions import transform_to

from pyrovae.errors import CheckpointError
from pyrovae.particles.constraint_words import constraint_of, words_of

KINDS = {
    "real": constraints.real, "positive": constraints.positive, "simplex": constraints.simplex,
    "nonnegative": constraints.nonnegative, "unit": constraints.unit_interval,
    "vector": constraints.real_vector, "tril": constraints.lower_cholesky,
    "corr": constraints.corr_cholesky, "soft": constraints.softplus_positive,
    "soft tril": constraints.softplus_lower_cholesky, "ordered": constraints.ordered_vector,
    "positive ordered": constraints.positive_ordered_vector,
    "unit tril": constraints.unit_lower_cholesky, "definite": constraints.positive_definite,
    "less": constraints.less_than(-2.5), "half open": constraints.half_open_interval(0.0, 3),
    "vectors of bounds": constraints.interval(torch.tensor([0.1, -3.0]), torch.tensor([1.0, 7.0])),
    "doubles": constraints.greater_than(torch.tensor(math.pi, dtype=torch.float64)),
    "whole numbers": constraints.greater_than(3), "no bound": constraints.greater_than(-math.inf),
    "an infinite tensor": constraints.less_than(torch.tensor([math.inf, 1.0])),
    "independent": constraints.independent(constraints.positive, 1),
    "twice": constraints.independent(constraints.independent(constraints.simplex, 1), 2),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_constraint_comes_back(kind):
    words = json.loads(json.dumps(words_of(KINDS[kind]), allow_nan=False))
    found = constraint_of(words)
    assert type(found) is type(KINDS[kind]) and words_of(found) == words
    free = torch.linspace(-2.0, 2.0, 6 if "corr" in kind or "tril" in kind else 2)
    if "tril" in kind or kind == "definite":
        free = torch.linspace(-2.0, 2.0, 4).reshape(2, 2)
    if kind == "twice":
        free = torch.linspace(-2.0, 2.0, 16).reshape(2, 2, 2, 2)
    expected, value = (transform_to(limit)(free) for limit in (KINDS[kind], found))
    assert torch.equal(expected, value) and expected.dtype == value.dtype


def test_words_tell_constraints_apart():
    words = [json.dumps(words_of(limit)) for limit in KINDS.values()]
    assert len(set(words)) == len(words)
    assert words_of(constraints.positive) == words_of(constraints.greater_than(0.0))


class Own(constraints.Constraint):
    """A user's own."""


def test_one_of_ones_own_is_named_and_not_made():
    words = words_of(Own())
    assert words == {"kind": f"{__name__}.Own"}
    assert constraint_of(words) is None
    assert constraint_of({"kind": "os.system"}) is None


@pytest.mark.parametrize("words", [{}, {"kind": 3}, [], "Simplex", None, 3])
def test_what_is_no_description_is_refused(words):
    with pytest.raises(CheckpointError, match="names no kind"):
        constraint_of(words)

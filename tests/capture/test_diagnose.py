"""What cannot be frozen is refused once, with its line and the reason."""

import itertools
import random

import numpy as np
import pytest
import torch

from pyrovae.errors import CaptureWarning
from tests.capture.test_captured import batches, captured


def mask(x):
    y = x.clone()
    y[x > 0] = x[x > 0] * 2
    return (y,)


def branch(x):
    return (x if x.sum() > 0 else -x,)


def number(x):
    return (x * float(x.max()),)


def places(x):
    return (x[torch.nonzero(x > -100.0).squeeze(-1)],)


def numpy_noise(x):
    return (x * float(np.random.rand()),)


def rare_noise(x):
    """Two runs in a row would hardly show it."""
    return (x * (2 if random.random() < 1e-6 else 1),)


COUNTER = itertools.count()


def counter(x):
    return (x * (1 + next(COUNTER)),)


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (mask, r"test_diagnose.py:\d+, in mask, `y\[x > 0\] = .*boolean mask.*torch.where"),
        (branch, r"test_diagnose.py:\d+, in branch, .*value of a tensor.*torch.where"),
        (number, r"test_diagnose.py:\d+, in number, .*value of a tensor"),
        (places, r"test_diagnose.py:\d+, in places, .*depends on the values"),
        (numpy_noise, "draws from numpy.random"),
        (rare_noise, "draws from random, whose numbers"),
        (counter, "differs from it"),
    ],
)
def test_what_cannot_be_frozen_is_refused_once_with_its_line(run, reason):
    it = captured(run)
    with pytest.warns(CaptureWarning, match=reason) as caught:
        for x in itertools.islice(batches(3), 5):
            found = it("key", x)
    assert len(caught) == 1 and it.refusal
    assert found is None


def wrapped(x):
    try:
        return number(x)
    except RuntimeError as error:
        raise ValueError("another word for it") from error


def test_the_line_is_that_of_the_first_cause():
    it = captured(wrapped)
    with pytest.warns(
        CaptureWarning, match=r"test_diagnose.py:\d+, in number, .*value of a tensor"
    ):
        it("key", torch.ones(3))

"""How many draws: the rule, and intervals that still cover after stopping by it."""

import math

import torch

from pyrovae.data import LinearGaussian
from pyrovae.evaluate.comparison.bounds import BoundDraws, Subject
from pyrovae.evaluate.comparison.effort import (
    FEWEST,
    MOST,
    Effort,
    bound_tolerance,
    in_words,
    next_look,
)
from pyrovae.objectives import IWAE


def test_looks_are_few_and_end():
    fixed = [next_look(done, 9.0, 0.0, 7) for done in (0, 7)]
    assert fixed == [7, None]
    looks, done = [], 0
    while (done := next_look(done, 0.0, 1.0, None)) is not None:
        looks.append(done)
    assert looks == [16, 32, 64, 128, 256, 512, 1024] and looks[0] == FEWEST and looks[-1] == MOST
    assert next_look(0, 0.0, 0.0, None) == FEWEST  # whatever the time
    assert next_look(32, 2.0, 4.0, None) == 64 and next_look(32, 2.0, 3.9, None) is None
    assert next_look(128, 0.0, 1.0, None, wanted=150) == 176  # no more than are needed
    assert next_look(128, 0.0, 1.0, None, wanted=130) == 144
    assert next_look(1000, 0.0, 1.0, None, wanted=1001) == MOST


def test_what_is_small_enough():
    assert bound_tolerance(0.1) == bound_tolerance(math.nan) == 0.01
    assert bound_tolerance(-5.0) == bound_tolerance(5.0) == 0.1
    assert Effort().of_reference is None and Effort(20).of_reference == 80
    assert Effort(20, 30).of_reference == Effort(None, 30).of_reference == 30
    assert all(len(line) < 120 for line in in_words())


def test_bounds_cover_the_exact_one_though_they_stop_at_small_errors():
    """Of 95 % intervals after stopping by the rule at doublings, not many fewer cover.

    The draws of one batch are taken as data, in disjoint runs that each stop on their own.
    """
    pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=0)
    x = pair.sample(4, seed=1)
    exact = float(pair.iwae(x, 2).detach().mean())
    draws = BoundDraws({"iwae": IWAE(2)}, Subject(pair.model, pair.guide, (x.repeat(3000, 1),)))
    draws.draw_to(2)
    values = torch.stack([IWAE(2).per_datum(pair.model, pair.guide, x.repeat(3000, 1))
                          for _ in range(20)]).detach()  # fmt: skip
    pool = values.unflatten(1, (-1, 4)).mean(2).flatten()  # the mean of a batch, 60,000 times
    tolerance, at, covered, counts = 0.03, 0, [], []
    while at + MOST < len(pool) and len(covered) < 400:
        done = FEWEST
        while True:
            run = pool[at : at + done]
            error = float(run.std()) / done**0.5
            wanted = done * (error / tolerance) ** 2
            more = next_look(done, 0.0, 1.0, None, wanted) if wanted > done else None
            if more is None:
                break
            done = more
        at += done
        counts.append(done)
        covered.append(abs(float(run.mean()) - exact) < 1.96 * error)
    assert len(covered) > 100 and len(set(counts)) > 1, counts
    share = sum(covered) / len(covered)
    assert share > 0.95 - 3 * math.sqrt(0.05 * 0.95 / len(covered)), share

"""Dates in several formats: the probabilities, the entropy and the scores are exact."""

import math

import pytest
import torch

from pyrovae.data.synthetic.date_formats import FORMATS, DateFormats
from pyrovae.errors import DataError, ShapeError


@pytest.fixture
def task():
    return DateFormats()


def test_answers_by_hand(task):
    assert task.answers("2026-11-03") == {
        "3 November 2026": 0.3,
        "November 3, 2026": 0.25,
        "3 Nov 2026": 0.2,
        "03.11.2026": 0.15,
        "11/03/26": 0.1,
    }


def test_probabilities_sum_to_one_and_give_the_entropy(task):
    sources = task.sources(200, seed=1)
    assert len(set(sources)) == 200
    for source in sources:
        assert sum(task.answers(source).values()) == pytest.approx(1)
    merged = [0.5, 0.25, 0.15, 0.1]
    exact = {True: -sum(p * math.log(p) for p in merged),
             False: -sum(p * math.log(p) for p in FORMATS.values())}  # fmt: skip
    expected = [exact["-05-" in source] for source in sources]
    torch.testing.assert_close(task.entropy(sources), torch.tensor(expected).double())


def test_draws_follow_the_probabilities(task):
    """By z-scores: the mean log-probability is minus the entropy, and each format its share."""
    pairs = task.pairs(4000, seed=3)
    log_prob = task.log_prob(pairs)
    surprise = log_prob + task.entropy([source for source, _ in pairs])
    assert abs(surprise.mean() / (surprise.std() / math.sqrt(4000))) < 4
    share = sum("/" in answer for _, answer in pairs) / 4000
    assert abs(share - 0.1) / math.sqrt(0.1 * 0.9 / 4000) < 4
    assert task.pairs(4000, seed=3) == pairs != task.pairs(4000, seed=4)


def test_scores_by_hand(task):
    sources = ["2026-11-03", "2026-05-03"]
    given = [["3 November 2026", "3 November 2026", "11/03/26"], ["3 Mai 2026"]]
    found = task.score(sources, given)
    assert found.right == 3 / 4
    assert found.covered == pytest.approx((2 / 5 + 0) / 2)
    assert found.mass == pytest.approx(0.4 / 2)
    whole = task.score(sources, [list(task.answers(source)) for source in sources])
    assert (whole.right, whole.covered) == (1, 1) and whole.mass == pytest.approx(1)
    assert task.log_prob([(sources[1], "3 Mai 2026")]) == -math.inf


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: DateFormats(2000, 1999), "from 2000 to 1999"),
        (lambda: DateFormats(formats={"{day}": 0.5}), "sum to 0.5"),
        (lambda: DateFormats(formats={"{hour}": 1.0}), "'{hour}' is no format"),
        (lambda: DateFormats().answers("2026-13-01"), "'2026-13-01' is no date"),
        (lambda: DateFormats().answers("20261130"), "write it as 2026-11-30"),
        (lambda: DateFormats(2026, 2026).sources(366), "n=366, and there are 365"),
        (lambda: DateFormats(2026, 2026).answers("2025-01-01"), "from 2026-01-01"),
    ],
)
def test_refusals(make, says):
    with pytest.raises(DataError, match=says):
        make()


def test_a_score_needs_answers(task):
    with pytest.raises(ShapeError, match="answers to 1 sources and 2 sources"):
        task.score(["2026-11-03", "2026-05-03"], [["x"]])

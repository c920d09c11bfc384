"""What is said of a history."""

import math

import numpy as np
import pytest

from pyrovae.evaluate.diagnosis.learning import fall_of, verdicts_of_training


def history(train, val=None, lr=1e-3, **columns):
    """Entries as `fit` writes them."""
    val = [None] * len(train) if val is None else val
    rates = [lr] * len(train) if np.isscalar(lr) else lr
    rows = zip(train, val, rates, *columns.values(), strict=True)
    return [
        dict(zip(("epoch", "train", "val", "lr", *columns), (i + 1, *row), strict=True))
        for i, row in enumerate(rows)
    ]


def noisy(values, scale=0.1, seed=0):
    return np.asarray(values) + scale * np.random.default_rng(seed).normal(size=len(values))


T = np.arange(40)
SETTLED = -100 - 50 * np.exp(-T / 4)


def codes(entries):
    return [verdict.code for verdict in verdicts_of_training(entries)]


@pytest.mark.parametrize("seed", range(20))
def test_a_training_that_went_well_is_not_flagged(seed):
    assert codes(history(noisy(SETTLED, seed=seed), noisy(SETTLED - 1, seed=seed + 100))) == []
    assert codes(history(noisy(SETTLED, seed=seed))) == []


@pytest.mark.parametrize("seed", range(5))
def test_overfitting(seed):
    val = SETTLED - 0.2 * np.maximum(0, T - 15)
    train = SETTLED + 0.1 * T
    (verdict,) = verdicts_of_training(history(noisy(train, seed=seed), noisy(val, seed=seed + 9)))
    assert verdict.code == "overfitted" and verdict.severity == "warning"
    epoch = int(verdict.sentence.split("epoch ")[1].split()[0])
    assert 12 <= epoch <= 22, verdict.sentence
    assert "--patience" in verdict.remedies[0].command


def test_a_fall_of_both_is_no_overfitting():
    falls = SETTLED - 0.2 * np.maximum(0, T - 15)
    assert codes(history(noisy(falls), noisy(falls, seed=1))) == []


def test_a_training_that_ended_early():
    rising = noisy(-100 - 50 * np.exp(-T / 60))
    assert codes(history(rising)) == ["still-rising"]
    assert codes(history(rising, rising - 1)) == ["still-rising"]
    assert codes(history(rising, lr=1e-3 * (1 + np.cos(np.pi * T / 39)) / 2)) == []
    assert codes(history(rising[:5])) == [], "too few epochs for a trend"


@pytest.mark.parametrize("name", ["train", "val", "kl[z]", "reconstruction"])
def test_numbers_that_broke_down(name):
    columns = {"kl[z]": list(np.ones(40)), "reconstruction": list(SETTLED)}
    entries = history(list(SETTLED), list(SETTLED), **columns)
    entries[7][name] = None if name == "val" else math.nan
    (verdict,) = verdicts_of_training(entries)
    assert verdict.code == "not-finite-in-training" and verdict.severity == "fault"
    assert f"'{name}'" in verdict.sentence and "epoch 8" in verdict.sentence


def test_nothing_is_said_of_no_history():
    assert verdicts_of_training([]) == [] and fall_of([], "z") == ""


def test_how_a_latent_was_lost():
    fell = [0.5, 3.0, 2.5, 1.0, 0.2, 0.01]
    entries = history([-1.0] * 6, **{"kl[z2]": fell, "kl[z1]": [0.01] * 6})
    assert fall_of(entries, "z2") == (
        "Its KL was 3.00 nats at epoch 2, less than half of that from epoch 4 on, and 0.01 in "
        "the end."
    )
    assert fall_of(entries, "z1") == "In the training its KL was never above 0.01 nats."
    assert fall_of(entries, "y") == ""

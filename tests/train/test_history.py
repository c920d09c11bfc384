"""A history is a list of entries, and has columns, a frame and a short table."""

import copy
import json
import pickle

import pandas
import pytest

from pyrovae.errors import ConfigError
from pyrovae.objectives import ELBO
from pyrovae.train import History, fit
from tests.train.pairs import QUIET, networks, pair, x_of

ENTRIES = [
    {"epoch": 1, "step": 4, "train": -9.5, "val": None, "lr": 1e-3, "seconds": 0.25},
    {"epoch": 2, "step": 8, "train": -8.0, "val": -8.25, "lr": 1e-3, "seconds": 0.5, "kl[z]": 1.5},
]


def test_is_a_list():
    history = History(ENTRIES)
    assert history == ENTRIES and isinstance(history, list)
    assert history[-1]["val"] == -8.25 and history[0] is ENTRIES[0]
    assert [entry["epoch"] for entry in history] == [1, 2]
    assert isinstance(history[:1], History) and history[:1] == ENTRIES[:1]
    assert json.loads(json.dumps(history)) == ENTRIES
    for other in (copy.deepcopy(history), pickle.loads(pickle.dumps(history))):
        assert isinstance(other, History) and other == history


def test_has_columns():
    history = History(ENTRIES)
    assert history["train"] == [-9.5, -8.0]
    assert history["val"] == [None, -8.25]
    assert history["kl[z]"] == [None, 1.5]
    with pytest.raises(KeyError, match="'loss' is no column .* has .*'train', 'val', .*'kl.z.'"):
        history["loss"]
    assert History()["train"] == []
    with pytest.raises(IndexError):
        history[2]


def test_is_a_frame():
    frame = History(ENTRIES).to_frame()
    assert list(frame.columns) == ["epoch", "step", "train", "val", "lr", "seconds", "kl[z]"]
    expected = pandas.DataFrame(ENTRIES)
    pandas.testing.assert_frame_equal(frame, expected)
    assert len(History().to_frame()) == 0


def test_without_pandas_it_says_so(monkeypatch):
    monkeypatch.setattr("pyrovae.train.history.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pandas is not installed; .*history\['train'\]"):
        History(ENTRIES).to_frame()


def test_prints_a_short_table():
    assert repr(History(ENTRIES)).splitlines() == [
        "epoch   train     val        lr  seconds",
        "    1  -9.500       -  1.00e-03    0.250",
        "    2  -8.000  -8.250  1.00e-03    0.500",
    ]
    lines = repr(History({"epoch": n, "train": -1.0 / n} for n in range(1, 100))).splitlines()
    assert [line.split()[0] for line in lines] == ["epoch", "1", "2", "3", "...", "97", "98", "99"]
    assert repr(History()) == "History([])"
    assert repr(History([{"loss": 1}])) == "[{'loss': 1}]"


def test_is_that_of_a_run():
    run = fit(*pair(*networks()), x_of(), objective=ELBO(), epochs=2, val=x_of(5), **QUIET)
    assert run.history["epoch"] == [1, 2]
    assert run.history.to_frame()["val"].tolist() == [e["val"] for e in run.history]

"""Lines of the log where there is no terminal: when they come, and what they say."""

import logging
import re

import pytest

from pyrovae.objectives import ELBO
from pyrovae.train import Callback, EarlyStopping, EpochLog, fit
from pyrovae.train.callbacks import epoch_log
from tests.train.pairs import networks, pair, x_of

FIGURES = r"train -\d+\.\d\d, val -\d+\.\d\d, lr 0.001, \d+\.\d s an epoch"


class Clock:
    """Time that goes on by `seconds` in each step."""

    now = 0.0

    def __init__(self, seconds):
        self.seconds = seconds

    def __call__(self):
        return self.now


class Tick(Callback):
    def __init__(self, clock):
        self.clock = clock

    def on_step(self, loop):
        self.clock.now += self.clock.seconds


@pytest.fixture
def train(monkeypatch, caplog):
    def run(seconds_per_step, epochs=6, callbacks=(), **options):
        clock = Clock(seconds_per_step)
        monkeypatch.setattr(epoch_log, "perf_counter", clock)
        caplog.set_level(logging.INFO, "pyrovae")
        caplog.clear()
        fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=epochs, batch_size=20,
            val=x_of(5), device="cpu", callbacks=[Tick(clock), *callbacks], **options,
        )  # fmt: skip
        assert {record.name for record in caplog.records} <= {"pyrovae"}
        return [record.getMessage() for record in caplog.records]

    return run


def epochs_of(lines):
    return [int(re.match(r"epoch (\d+)/", line)[1]) for line in lines]


def test_the_first_the_last_and_one_in_thirty_seconds(train):
    lines = train(seconds_per_step=7.0, epochs=8)  # two steps an epoch
    assert epochs_of(lines) == [1, 4, 7, 8]
    assert re.fullmatch(rf"epoch 1/8: {FIGURES}, 1 min 38 s left", lines[0]), lines[0]
    assert re.fullmatch(rf"epoch 8/8: {FIGURES}, after 1 min 52 s", lines[-1]), lines[-1]


def test_what_is_compiled_once_is_not_expected_again(train, monkeypatch):
    wait = iter([100.0, 0.0, 60.0])

    def compiling(tick, loop):
        tick.clock.now += tick.clock.seconds + next(wait, 0.0)

    monkeypatch.setattr(Tick, "on_step", compiling)
    lines = train(seconds_per_step=7.0, epochs=8)
    assert lines[1].startswith("epoch 2/8") and lines[1].endswith("1 min 24 s left")


def test_a_fast_run_has_two_lines(train):
    assert epochs_of(train(seconds_per_step=0.001)) == [1, 6]
    assert epochs_of(train(seconds_per_step=0.001, epochs=1)) == [1]


def test_a_run_that_stops_early_ends_with_its_last_epoch(train):
    lines = train(seconds_per_step=0.001, callbacks=[EarlyStopping(2, min_delta=1e9)])
    assert epochs_of(lines) == [1, 3]


def test_an_epoch_of_hours_is_not_silent(train):
    lines = train(seconds_per_step=3000.0, epochs=1)
    assert lines[0] == "epoch 1/1, step 1/2, 50 min 00 s left"
    assert lines[1].startswith("epoch 1/1: train") and lines[1].endswith("after 1 h 40 min")
    assert len(lines) == 2


def test_a_resumed_run_counts_its_own_time(train, tmp_path):
    train(seconds_per_step=100.0, epochs=4, run_dir=tmp_path / "run")
    lines = train(seconds_per_step=1.0, epochs=7, run_dir=tmp_path / "run", resume=True)
    assert epochs_of(lines) == [5, 7]
    assert lines[0].endswith("4.0 s left") and lines[1].endswith("after 6.0 s")


def test_is_silent_on_a_terminal_and_when_not_wanted(train, monkeypatch, capsys):
    assert train(seconds_per_step=1.0, progress=False) == []
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert train(seconds_per_step=1.0) == []


def test_says_no_bound_that_is_not_there(train, caplog):
    fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=1, device="cpu",
        callbacks=[EpochLog()], progress=False,
    )  # fmt: skip
    assert "val" not in caplog.text


def test_a_script_without_configured_logging_sees_nothing(capsys):
    fit(*pair(*networks()), x_of(), objective=ELBO(), epochs=2, device="cpu")
    assert capsys.readouterr() == ("", "")


def test_says_that_it_compiles_and_what_that_took(train, interpreted):
    lines = train(seconds_per_step=0.0, epochs=2, compile=True)
    assert lines[0] == "compiling the step" and re.fullmatch(r"compiled in \d+\.\d s", lines[1])
    assert epochs_of(lines[2:]) == [1, 2]

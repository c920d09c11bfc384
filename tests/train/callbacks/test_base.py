"""When callbacks are called, and what they can do."""

import pyro
import pytest

from pyrovae.objectives import ELBO
from pyrovae.train import Callback, fit
from tests.train.pairs import QUIET, Log, networks, pair, same, state, x_of


def test_callbacks_are_called_in_turn():
    log = Log()
    fit(
        *pair(*networks()),
        x_of(),
        objective=ELBO(),
        epochs=2,
        batch_size=20,
        callbacks=[log],
        **QUIET,
    )
    assert log.calls == [
        ("start", 0, 4, 0.0),
        ("step", 1, 1),
        ("step", 1, 2),
        ("epoch", 1, 2, 1),
        ("step", 2, 3),
        ("step", 2, 4),
        ("epoch", 2, 4, 2),
        ("end", 4),
    ]


def test_a_callback_stops_the_run_within_an_epoch_and_it_can_be_resumed(tmp_path):
    def train(folder, **options):
        pyro.clear_param_store()
        nets = networks()
        run = fit(
            *pair(*nets), x_of(), objective=ELBO(), epochs=3, batch_size=10, run_dir=folder,
            **options, **QUIET,
        )  # fmt: skip
        return run, state(nets)

    whole, expected = train(tmp_path / "whole")
    log = Log(stop_at=6)
    run, _ = train(tmp_path / "stopped", callbacks=[log])
    assert run.steps == 6 and len(run.history) == 1 and log.calls[-1] == ("end", 6)
    run, found = train(tmp_path / "stopped", resume=True)
    assert run.steps == whole.steps == 12 and same(expected, found)


def test_the_end_is_called_after_an_error_too():
    log = Log()

    class Broken(Callback):
        def on_step(self, loop):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(
            *pair(*networks()), x_of(), objective=ELBO(), epochs=2, callbacks=[Broken(), log],
            **QUIET,
        )  # fmt: skip
    assert log.calls[-1][0] == "end"

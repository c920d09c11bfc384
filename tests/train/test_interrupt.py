"""An interrupted run raises what it has done, and goes on from its checkpoint."""

import pytest

from pyrovae import Interrupted
from pyrovae.objectives import ELBO
from pyrovae.train import Callback, Run, fit
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


class StopIn(Callback):
    def __init__(self, epoch):
        self.epoch, self.ended = epoch, False

    def on_step(self, loop):
        if loop.epoch == self.epoch:
            raise KeyboardInterrupt

    def on_end(self, loop):
        self.ended = True


def train(nets, **options):
    return fit(*pair(*nets), x_of(), objective=ELBO(), epochs=4, batch_size=20, **QUIET, **options)


def test_the_run_so_far_is_in_the_error(tmp_path):
    nets, others = networks(), networks()
    stop = StopIn(epoch=3)
    with pytest.raises(Interrupted, match=r"2 of 4 epochs.*`resume=True` continues") as caught:
        train(nets, callbacks=[stop], run_dir=tmp_path / "run")
    part = caught.value.partial
    assert isinstance(part, Run) and len(part.history) == 2 and stop.ended
    assert str(part).endswith("interrupted: 2 of 4 epochs")
    part.load_best()
    again = train(nets, run_dir=tmp_path / "run", resume=True)
    whole = train(others)
    assert again.history["train"] == whole.history["train"] and same(state(nets), state(others))
    assert not again.interrupted


def test_within_the_first_epoch_it_is_a_plain_interrupt():
    with pytest.raises(KeyboardInterrupt) as caught:
        train(networks(), callbacks=[StopIn(epoch=1)])
    assert type(caught.value) is KeyboardInterrupt

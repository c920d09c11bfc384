"""The cycles that `CyclicAnneal` writes."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.objectives import Beta
from pyrovae.train import CyclicAnneal, fit
from tests.train.callbacks.test_anneal import Seen
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


def test_each_step_sees_its_value():
    weight = torch.tensor(7.0)
    seen = Seen(weight)
    fit(
        *pair(*networks()), x_of(), objective=Beta(weight), epochs=4, batch_size=20,
        callbacks=[CyclicAnneal(weight, 0.5, 1.5, cycles=2), seen], **QUIET,
    )  # fmt: skip
    assert seen.values == pytest.approx([0.5, 1.0, 1.5, 1.5, 0.5, 1.0, 1.5, 1.5, 1.5])


def test_a_resumed_run_continues_the_cycle(tmp_path):
    def train(folder, stop_at=None, resume=False):
        weight, nets = torch.tensor(0.0), networks()
        cycles = CyclicAnneal(weight, cycles=2, rise=1.0)
        seen = Seen(weight)

        class Stop(Seen):
            def on_epoch(self, loop):
                if loop.epoch == stop_at:
                    loop.request_stop()

        fit(
            *pair(*nets), x_of(), objective=Beta(weight), epochs=4, batch_size=20,
            callbacks=[cycles, seen, Stop(weight)], run_dir=folder, resume=resume, **QUIET,
        )  # fmt: skip
        return state(nets), seen.values

    expected, values = train(tmp_path / "whole")
    train(tmp_path / "parts", stop_at=2)
    found, rest = train(tmp_path / "parts", resume=True)
    assert same(expected, found) and rest == pytest.approx(values[-len(rest) :])


@pytest.mark.parametrize("options", [{"cycles": 0}, {"rise": 0.0}, {"rise": 1.5}])
def test_what_is_no_cycle_is_an_error(options):
    with pytest.raises(ConfigError, match="needs a cycle or more"):
        CyclicAnneal(torch.tensor(0.0), **options)

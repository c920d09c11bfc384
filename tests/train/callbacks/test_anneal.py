"""The line that `Anneal` writes."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.objectives import Beta
from pyrovae.train import Anneal, Callback, fit
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


class Seen(Callback):
    def __init__(self, tensor):
        self.tensor, self.values = tensor, []

    def on_start(self, loop):
        self.on_step(loop)

    def on_step(self, loop):
        self.values.append(self.tensor.item())


@pytest.mark.parametrize("length", [{"fraction": 0.5}, {"epochs": 2}])
def test_each_step_sees_its_value(length):
    weight = torch.tensor(7.0)
    seen = Seen(weight)
    fit(
        *pair(*networks()), x_of(), objective=Beta(weight), epochs=4, batch_size=20,
        callbacks=[Anneal(weight, 0.5, 1.5, **length), seen], **QUIET,
    )  # fmt: skip
    assert seen.values == pytest.approx([0.5, 0.75, 1.0, 1.25, 1.5, 1.5, 1.5, 1.5, 1.5])


def test_a_resumed_run_continues_the_line(tmp_path):
    def train(epochs, folder, resume=False):
        weight, nets = torch.tensor(0.0), networks()
        warm_up = Anneal(weight, 0.0, 1.0, epochs=4)
        fit(
            *pair(*nets), x_of(), objective=Beta(weight), epochs=epochs, batch_size=20,
            callbacks=[warm_up], run_dir=folder, resume=resume, **QUIET,
        )  # fmt: skip
        return state(nets)

    expected = train(4, tmp_path / "whole")
    train(2, tmp_path / "parts")
    assert same(expected, train(4, tmp_path / "parts", resume=True))


@pytest.mark.parametrize(
    "length", [{}, {"fraction": 0.5, "epochs": 2}, {"fraction": 1.5}, {"epochs": 0}]
)
def test_a_length_that_is_none_is_an_error(length):
    with pytest.raises(ConfigError, match="give one of them"):
        Anneal(torch.tensor(0.0), **length)

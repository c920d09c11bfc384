"""Optimisers, learning rates and schedules of a run."""

import pyro
import pytest
import torch

from pyrovae.objectives import ELBO
from pyrovae.train import Callback, fit
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


def test_optimisers_of_all_kinds():
    results = []
    for optimizer in (
        lambda leaves: torch.optim.SGD(leaves, lr=1e-2),
        pyro.optim.SGD({"lr": 1e-2}),
        pyro.optim.SGD(lambda name: {"lr": 1e-2}),
    ):
        pyro.clear_param_store()
        nets = networks()
        fit(*pair(*nets), x_of(), objective=ELBO(), epochs=2, optimizer=optimizer, **QUIET)
        results.append(state(nets))
    nets = networks()
    optimizer = torch.optim.SGD([p for net in nets for p in net.parameters()], lr=1e-2)
    fit(*pair(*nets), x_of(), objective=ELBO(), epochs=2, optimizer=optimizer, **QUIET)
    results.append(state(nets))
    assert all(same(results[0], other) for other in results[1:])


class Rates(Callback):
    def __init__(self):
        self.rates = []

    def on_step(self, loop):
        self.rates.append([float(group["lr"]) for group in loop.optimizer.torch.param_groups])


def test_the_schedule_multiplies_every_groups_rate_at_every_step():
    rates = Rates()
    options = lambda name: {"lr": 1.0 if "weight" in name else 0.1}  # noqa: E731
    fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=2, batch_size=16,
        optimizer=pyro.optim.SGD(options), schedule=lambda progress: 1e-3 * progress,
        callbacks=[rates], **QUIET,
    )  # fmt: skip
    for step, found in enumerate(rates.rates):
        factor = 1e-3 * step / 6
        assert found == pytest.approx([factor, 0.1 * factor] * 3)


def test_a_rate_that_is_a_tensor_is_written_in_place():
    rate = torch.tensor(1e-2)
    fit(
        *pair(*networks()), x_of(), objective=ELBO(), epochs=2,
        optimizer=lambda leaves: torch.optim.Adam(leaves, lr=rate),
        schedule=lambda progress: 1 - progress, **QUIET,
    )  # fmt: skip
    assert rate == pytest.approx(5e-3)

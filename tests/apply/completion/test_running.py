"""R-hat is Pyro's."""

import math

import pytest
import torch
from pyro.ops.stats import split_gelman_rubin

from pyrovae.apply.completion.running import Estimate, Running


@pytest.mark.parametrize("moves", [8, 9])
def test_split_r_hat_is_that_of_pyro(moves):
    chains = torch.randn(moves, 3, 2, 4).double() + 0.5 * torch.randn(3, 2, 4).double() + 1e3
    running = Running(3, moves)
    running._sums = [torch.zeros(2, 5)]
    for state in chains:
        running._watch(state)
        running._count += 1
    even = chains[: moves // 2 * 2]
    wanted = split_gelman_rubin(even, chain_dim=1, sample_dim=0).amax(-1)
    torch.testing.assert_close(running.r_hat(), wanted)


def test_what_never_moves_agrees_or_does_not():
    for states, wanted in (
        (torch.ones(3, 1, 1), 1.0),
        (torch.arange(3.0)[:, None, None], math.inf),
    ):
        running = Running(3, 8)
        for _ in range(8):
            running._watch(states.double())
            running._count += 1
        assert float(running.r_hat()) == wanted


def test_an_estimate_of_equal_weights_has_no_error():
    found = Estimate.of_weights(torch.full((4, 2), -3.0).double())
    three = torch.full((2,), 3.0).double()
    torch.testing.assert_close(found.log_prob, -three)
    torch.testing.assert_close(found.error, 0 * three, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.ess, 1 + three)

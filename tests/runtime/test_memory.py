"""The peak of a computation is counted to the byte."""

import torch

from pyrovae.runtime.memory import peak_bytes, peak_so_far

KILO = 1000


def test_what_is_alive_at_once():
    def step():
        for _ in range(3):  # each is freed before the next
            torch.zeros(KILO)

    assert peak_bytes(step, "cpu") == 4 * KILO


def test_what_is_kept_adds_up_and_views_take_nothing():
    def step():
        kept = [torch.zeros(KILO) for _ in range(3)]
        return [tensor.view(10, -1) for tensor in kept]

    assert peak_bytes(step, "cpu") == 3 * 4 * KILO


def test_what_was_there_before_does_not_count():
    before = torch.zeros(KILO)
    assert peak_bytes(lambda: before.add_(1), "cpu") == 0
    assert peak_so_far(torch.device("cpu")) is None

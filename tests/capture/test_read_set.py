"""What a computation reads and has not made is an input; what it writes is written in place."""

import torch
from torch import nn

from tests.capture.test_captured import trusted


def test_what_is_read_and_not_made_is_an_input():
    weight, offset = torch.randn(3), torch.tensor(2.0)
    it = trusted(lambda x: (weight * x * 3.0 + offset.exp(),))
    x = torch.randn(3)
    for value in (1.0, -5.0):
        weight.fill_(value)
        offset.fill_(value / 2)
        torch.testing.assert_close(it("key", x)[0], weight * x * 3.0 + offset.exp())


def test_writes_happen_in_place_through_views_and_data_too():
    total, seen = torch.zeros(3), nn.Parameter(torch.zeros(2, 3))

    def run(x):
        total.add_(x)
        seen.data[1].copy_(x)
        return (total * 2,)

    it = trusted(run)
    total.zero_()
    for n in range(1, 4):
        torch.testing.assert_close(it("key", torch.ones(3))[0], torch.full((3,), 2.0 * n))
        assert (total == n).all()
    assert (seen.data[1] == 1).all() and (seen.data[0] == 0).all()


def test_a_mask_that_takes_one_number_is_no_obstacle():
    def run(x):
        y = x.clone()
        y[x > 0] = 7.0
        return (y,)

    x = torch.tensor([1.0, -1.0, 3.0])
    assert trusted(run)("key", x)[0].tolist() == [7.0, -1.0, 7.0]

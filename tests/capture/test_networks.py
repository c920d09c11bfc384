"""A buffer that a network replaces in `forward` stays one tensor, with the new values."""

import torch
from torch import nn

from tests.capture.test_captured import batches, captured


class Averaging(nn.Module):
    """Puts a new tensor in the place of its buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("average", torch.zeros(3))

    def forward(self, x):
        self.average = 0.5 * self.average + 0.5 * x.detach()
        return x - self.average


def test_buffers_that_a_network_replaces_are_kept():
    network, plain = Averaging(), Averaging()
    place = network.average
    it = captured(lambda x: (network(x),))
    for n, x in zip(range(6), batches(3), strict=False):
        found = it("key", x)
        if n == 0:
            network(x)
            place.copy_(network.average)
            network.average = place
        expected = plain(x)
        if n > 0:
            torch.testing.assert_close(found[0], expected)
        torch.testing.assert_close(network.average, plain.average)
    assert network.average is place

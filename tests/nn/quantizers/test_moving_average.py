"""The codebook of moving averages against the paper's recursion."""

import torch

from pyrovae.nn.quantizers import MovingAverageCodebook


def test_follows_the_recursion():
    """N <- g N + (1 - g) n, m <- g m + (1 - g) sum of z, e = m / N: app. A.1."""
    g, batch = 0.9, 20
    quantizer = MovingAverageCodebook(5, 3, decay=g, revive_below=0.0).double()
    quantizer.start(torch.randn(50, 3).double())
    e, counts = quantizer.codebook.clone(), batch * quantizer.share.clone()
    sums = counts[:, None] * e
    for _ in range(8):
        z = 2 * torch.randn(4, 5, 3).double()
        found = quantizer(z)
        torch.testing.assert_close(quantizer.codebook, e)
        torch.testing.assert_close(batch * quantizer.share, counts)
        codes = torch.cdist(z.reshape(-1, 3), e).argmin(-1)
        assert torch.equal(found.codes.reshape(-1), codes)
        for i in range(5):
            own = z.reshape(-1, 3)[codes == i]
            counts[i] = g * counts[i] + (1 - g) * len(own)
            sums[i] = g * sums[i] + (1 - g) * own.sum(0)
        e = sums / counts[:, None]


def test_a_code_that_nobody_uses_stays_where_it_is():
    """Its share vanishes, 0 / 0 in a plain recursion."""
    quantizer = MovingAverageCodebook(2, 1, decay=0.5, revive_below=0.0)
    quantizer.start(torch.tensor([[0.0], [100.0]]))
    far = int(quantizer.codes(torch.tensor([100.0])))
    for _ in range(300):
        quantizer(torch.randn(4, 1))
    assert quantizer.share[far] == 0 and quantizer.codebook[far] == 100
    quantizer(torch.full((4, 1), 90.0))
    quantizer(torch.randn(4, 1))
    torch.testing.assert_close(quantizer.codebook[far], torch.tensor([90.0]))


def test_nothing_follows_a_gradient_but_the_encoder():
    quantizer = MovingAverageCodebook(4, 2, commitment=0.3).double()
    assert list(quantizer.parameters()) == []
    z = torch.randn(6, 2).double().requires_grad_()
    found = quantizer(z)
    (gradient,) = torch.autograd.grad(found.penalties["commitment"].sum(), z)
    torch.testing.assert_close(gradient, 0.6 * (z - found.vectors).detach())

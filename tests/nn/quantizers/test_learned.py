"""The codebook that follows the gradient of eq. 3."""

import torch

from pyrovae.nn.quantizers import LearnedCodebook


def test_gradients_of_the_penalties():
    """The codebook's is 2 (n e - sum of z), the encoder's 2 commitment (z - e)."""
    quantizer = LearnedCodebook(4, 2, commitment=0.7).double()
    z = torch.randn(3, 5, 2).double().requires_grad_()
    found = quantizer(z)
    total = sum(value.sum() for value in found.penalties.values())
    for_z, for_e = torch.autograd.grad(total, [z, quantizer.codebook])
    e, codes = quantizer.codebook.detach(), found.codes
    torch.testing.assert_close(for_z, 1.4 * (z.detach() - e[codes]))
    for i in range(4):
        own = z.detach()[codes == i]
        torch.testing.assert_close(for_e[i], 2 * (len(own) * e[i] - own.sum(0)))


def test_the_decoder_does_not_move_the_codebook():
    quantizer = LearnedCodebook(4, 2)
    z = torch.randn(6, 2, requires_grad=True)
    for_z, for_e = torch.autograd.grad(
        quantizer(z).vectors.square().sum(), [z, quantizer.codebook], allow_unused=True
    )
    assert for_e is None
    torch.testing.assert_close(for_z, 2 * quantizer.embed(quantizer.codes(z)).detach())

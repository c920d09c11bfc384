"""Codebook that is learned by gradient."""

from torch import Tensor, nn

from .codebook import Codebook


class LearnedCodebook(Codebook):
    """A codebook that follows the gradient of its distance to the encodings.

    The loss of the paper is minus the bound plus two penalties for each encoding z and its code's
    vector e: |sg(z) - e|^2, which the codebook follows, and commitment * |z - sg(e)|^2, which the
    encoder follows. (Where a datum has several codes the paper takes the mean of their penalties;
    here, as in the bound, they add up.)

    Args:
        num_codes: n.
        dim: D.
        commitment: See `Codebook`, as for the remaining arguments.

    Source:
        Neural Discrete Representation Learning (van den Oord et al., 2017), eq. 3,
        https://arxiv.org/abs/1711.00937

    Example:
        >>> quantizer = LearnedCodebook(8, 2)
        >>> found = quantizer(torch.randn(5, 3, 2))
        >>> found.codes.shape, found.vectors.shape, sorted(found.penalties)
        (torch.Size([5, 3]), torch.Size([5, 3, 2]), ['codebook', 'commitment'])
    """

    def keep(self, codebook: Tensor) -> None:
        """Make the first vectors [n, D] a parameter."""
        self.codebook = nn.Parameter(codebook)

    def penalties(self, z: Tensor, vectors: Tensor) -> dict[str, Tensor]:
        learned = (z.detach() - vectors).square().sum(-1)
        return {**super().penalties(z, vectors), "codebook": learned}

    def moved(self, share: Tensor) -> Tensor:
        return self.codebook

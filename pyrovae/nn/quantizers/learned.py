"""Codebook that is learned by gradient."""

from torch import Tensor, nn

from .codebook import Codebook


class LearnedCodebook(Codebook):
    """A codebook that gradients pull to the encodings.

    The paper's loss is minus the bound plus two penalties for each encoding z and its code's
    vector e: |sg(z) - e|^2 trains the codebook, commitment * |z - sg(e)|^2 the encoder. If a datum
    has several codes, the paper averages their penalties; here they add up, as in the bound.

    Args:
        num_codes: n.
        dim: D.
        commitment: See `Codebook` for this and the other arguments.

    Source:
        Neural Discrete Representation Learning (van den Oord et al., 2017), eq. 3,
        https://arxiv.org/abs/1711.00937

    Example:
        >>> import torch
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

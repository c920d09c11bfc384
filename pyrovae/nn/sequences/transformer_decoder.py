"""A small causal transformer over rows of codes."""

import torch
from torch import Tensor, nn

from ..sizes import Shape, as_size
from .attention import Block, blocks_of, positions
from .base import SequenceDecoder, State


class TransformerDecoder(SequenceDecoder):
    """A small causal transformer; z [N, L] and codes so far -> logits of V codes.

    A linear map of z is added to each position. Step by step it keeps keys and values of the
    positions before, so that a step costs one position. Rows may be of any length.

    Args:
        in_shape: Size of z, L.
        out_shape: Number of codes V.
        width: Number of features of a position.
        num_layers: Number of blocks of attention and a network for each position.
        num_heads: Number of attention heads; it divides `width`.

    Raises:
        ConfigError: A size is too small, or the heads do not divide the width.

    Source:
        Language Models are Unsupervised Multitask Learners (Radford et al., 2019), sec. 2.3; z
        added to the inputs: Optimus: Organizing Sentences via Pre-trained Modeling of a Latent
        Space (Li et al., 2020), sec. 3.1, https://arxiv.org/abs/2004.04092

    Example:
        >>> decoder = TransformerDecoder(4, 30, width=8)
        >>> decoder(torch.tensor([[2, 5, 6]]), torch.zeros(1, 4)).shape
        torch.Size([1, 3, 30])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        width: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
    ) -> None:
        where = type(self).__name__
        width, num_heads = as_size(width, "width", where), as_size(num_heads, "num_heads", where)
        super().__init__(in_shape, out_shape, width, width)
        self.width, layers = width, as_size(num_layers, "num_layers", where)
        self.latent = nn.Linear(self.latent_dim, width)
        self.blocks = nn.ModuleList(Block(width, num_heads, where) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def features(self, embedded: Tensor, z: Tensor) -> Tensor:
        steps = embedded.shape[1]
        seen = torch.ones(1, steps, steps, dtype=torch.bool, device=embedded.device).tril()
        x = embedded + self.latent(z).unsqueeze(1) + positions(0, steps, embedded)
        for block in blocks_of(self.blocks):
            x = block(x, block.remembered(x), seen)
        found: Tensor = self.norm(x)
        return found

    def begin(self, z: Tensor) -> State:
        none = z.new_zeros(len(z), 0, 2 * self.width)
        return (*(none for _ in self.blocks), z)

    def advance(self, state: State, embedded: Tensor) -> tuple[Tensor, State]:
        *caches, z = state
        place = positions(caches[0].shape[1], 1, embedded)
        x = (embedded + self.latent(z) + place).unsqueeze(1)
        kept = []
        for block, before in zip(blocks_of(self.blocks), caches, strict=True):
            kept.append(torch.cat([before, block.remembered(x)], 1))
            x = block(x, kept[-1], None)
        return self.norm(x)[:, 0], (*kept, z)

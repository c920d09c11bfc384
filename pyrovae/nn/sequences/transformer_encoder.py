"""A small transformer that reads rows of codes, in both directions."""

from torch import Tensor, nn

from ..sizes import Shape, as_size
from .attention import Block, blocks_of, positions
from .base import CodeEncoder


class TransformerEncoder(CodeEncoder):
    """A small transformer, [N, T] codes -> [N, *out_shape].

    Each position sees all that are no padding; the features of a row are the mean of those of its
    positions. Rows may be of any length.

    Args:
        in_shape: Number of codes V, of which 0 is padding.
        out_shape: Shape of one output.
        width: Number of features of a position.
        num_layers: Number of blocks of attention and a network for each position.
        num_heads: Number of attention heads; it divides `width`.

    Raises:
        ConfigError: A size is too small, or the heads do not divide the width.

    Source:
        Attention Is All You Need (Vaswani et al., 2017), sec. 3, https://arxiv.org/abs/1706.03762;
        normalised first: On Layer Normalization in the Transformer Architecture (Xiong et al.,
        2020), https://arxiv.org/abs/2002.04745

    Example:
        >>> import torch
        >>> TransformerEncoder(30, 4, width=8)(torch.tensor([[5, 6, 1, 0], [7, 1, 0, 0]])).shape
        torch.Size([2, 4])
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
        layers = as_size(num_layers, "num_layers", where)
        self.blocks = nn.ModuleList(Block(width, num_heads, where) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def features(self, embedded: Tensor, mask: Tensor) -> Tensor:
        x = embedded + positions(0, embedded.shape[1], embedded)
        for block in blocks_of(self.blocks):
            x = block(x, block.remembered(x), mask.unsqueeze(1))
        shown = mask.unsqueeze(-1).to(x.dtype)
        found: Tensor = (self.norm(x) * shown).sum(1) / shown.sum(1).clamp_min(1)
        return found

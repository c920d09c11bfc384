"""A block of attention and a network for each position, and where a position is."""

import math

import torch
from torch import Tensor, nn

from ...errors import ConfigError

_FAR = -1e9  # a score of no weight, of which a row of nothing else makes no NaN


class Block(nn.Module):
    """Attention, then a network for each position, both residual and normalised first.

    Args:
        width: Number of features of a position.
        num_heads: Number of attention heads; it divides `width`.
        where: Name of the owner, for messages.

    Raises:
        ConfigError: The heads do not divide the width.
    """

    def __init__(self, width: int, num_heads: int, where: str) -> None:
        super().__init__()
        if width % num_heads:
            raise ConfigError(
                f"{where} got width={width} and num_heads={num_heads}; the heads have to divide "
                "the width"
            )
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.join = nn.Linear(width, width)
        self.each = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        )

    def remembered(self, x: Tensor) -> Tensor:
        """Keys and values of positions [N, T, width] -> [N, T, 2 * width]."""
        found: Tensor = self.key_value(self.norm(x))
        return found

    def forward(self, x: Tensor, remembered: Tensor, seen: Tensor | None) -> Tensor:
        """New features [N, S, width] of positions [N, S, width].

        Args:
            x: The positions.
            remembered: Keys and values of the positions that they look at [N, T, 2 * width].
            seen: Which position sees which, bool, broadcast to [N, S, T]; None is all.
        """
        query = self.query(self.norm(x)).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        both = remembered.unflatten(-1, (2, self.num_heads, -1))  # [N, T, 2, heads, F]
        key, value = both.permute(2, 0, 3, 1, 4)  # each [N, heads, T, F]
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        if seen is not None:
            scores = scores.masked_fill(~seen.unsqueeze(1), _FAR)
        joined = (scores.softmax(-1) @ value).transpose(1, 2).flatten(2)
        x = x + self.join(joined)
        found: Tensor = x + self.each(x)
        return found


def blocks_of(blocks: nn.ModuleList) -> list[Block]:
    """The blocks of a list of modules, which are all blocks."""
    return [block for block in blocks if isinstance(block, Block)]


def positions(start: int, count: int, like: Tensor) -> Tensor:
    """Sines and cosines that tell positions apart [count, width], of any length.

    Args:
        start: The first position.
        count: Number of positions.
        like: A tensor of this width in its last axis, of the type and device wanted.

    Source:
        Attention Is All You Need (Vaswani et al., 2017), sec. 3.5, https://arxiv.org/abs/1706.03762
    """
    width = like.shape[-1]
    places = torch.arange(start, start + count, device=like.device, dtype=like.dtype)
    pairs = torch.arange((width + 1) // 2, device=like.device, dtype=like.dtype)
    angles = places[:, None] * torch.exp(pairs * (-2 * math.log(10_000.0) / width))
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[:, :width]

"""Autoregressive prior over codes."""

import math
from typing import Self

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import constraints
from torch.nn.functional import pad, scaled_dot_product_attention

from ...errors import ConfigError
from ...nn.sizes import Sizes, as_size
from .base import CodePrior


class AutoregressiveCodes(CodePrior):
    r"""A small causal transformer over the codes in raster order.

    :math:`p(c) = \prod_t p(c_t|c_{<t})`; the last axis of the grid changes fastest. Scoring takes
    one pass, drawing one pass per code. The grid may have any number of axes. Unlike a PixelCNN it
    needs no mask but that of attention. The blocks do not use torch's layers, which take another,
    fused path in evaluation mode.

    Args:
        grid: Shape of the codes of one datum.
        num_codes: Number of codes.
        width: Number of features of a code.
        num_layers: Number of blocks of attention and a two-layer network.
        num_heads: Number of attention heads; it divides `width`.

    Raises:
        ConfigError: A size is too small, or the heads do not divide the width.

    Source:
        Neural Discrete Representation Learning (van den Oord et al., 2017), sec. 3.3 (the prior),
        https://arxiv.org/abs/1711.00937; Language Models are Unsupervised Multitask Learners
        (Radford et al., 2019), sec. 2.3 (the blocks)

    Example:
        >>> prior = AutoregressiveCodes((2, 2), 8, width=16)
        >>> codes = prior().expand([3]).sample()
        >>> codes.shape, prior().log_prob(codes).shape
        (torch.Size([3, 2, 2]), torch.Size([3]))
    """

    def __init__(
        self,
        grid: Sizes,
        num_codes: int,
        *,
        width: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
    ) -> None:
        super().__init__(grid, num_codes)
        num_codes, where = self.num_codes, "AutoregressiveCodes"
        width = as_size(width, "width", where)
        num_layers = as_size(num_layers, "num_layers", where)
        num_heads = as_size(num_heads, "num_heads", where)
        if width % num_heads:
            raise ConfigError(
                f"{where} got width={width} and num_heads={num_heads}; the heads have to divide "
                "the width"
            )
        length = math.prod(self.grid)
        self.network = _Transformer(length, num_codes, width, num_layers, num_heads)

    @classmethod
    def example(cls, grid: tuple[int, ...] = (2, 2), num_codes: int = 5) -> Self:
        return cls(grid, num_codes, width=8)

    def forward(self) -> dist.TorchDistribution:
        return _Raster(self.network, self.grid, self.num_codes)


class _Raster(dist.TorchDistribution):
    """A grid of codes; a network [N, t] -> [N, t, n] gives logits of each from those before."""

    arg_constraints = {}

    def __init__(
        self,
        network: nn.Module,
        grid: tuple[int, ...],
        num_codes: int,
        batch_shape: tuple[int, ...] = (),
    ) -> None:
        self.network, self.num_codes = network, num_codes
        super().__init__(torch.Size(batch_shape), torch.Size(grid), validate_args=False)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> constraints.Constraint:
        each = constraints.integer_interval(0, self.num_codes - 1)
        return constraints.independent(each, len(self.event_shape))

    def expand(
        self, batch_shape: torch.Size | list[int] | tuple[int, ...], _instance: None = None
    ) -> "_Raster":
        shape = torch.Size(batch_shape)
        return _Raster(self.network, self.event_shape, self.num_codes, shape)

    def log_prob(self, value: Tensor) -> Tensor:
        lead = value.shape[: value.dim() - len(self.event_shape)]
        codes = value.reshape(lead.numel(), self.event_shape.numel())
        log_probs = self.network(codes).log_softmax(-1)
        found = log_probs.gather(-1, codes[..., None]).sum((-2, -1)).reshape(lead)
        return found.expand(torch.broadcast_shapes(lead, self.batch_shape))

    @torch.no_grad()
    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        lead = torch.Size(sample_shape) + self.batch_shape
        device = next(self.network.parameters()).device
        codes = torch.zeros(lead.numel(), 0, dtype=torch.long, device=device)
        for _ in range(self.event_shape.numel()):
            logits = self.network(pad(codes, (0, 1)))[:, -1]  # the last code is not used
            drawn = torch.multinomial(logits.softmax(-1), 1) if len(logits) else codes[:, :1]
            codes = torch.cat([codes, drawn], 1)
        return codes.reshape(lead + self.event_shape)


class _Transformer(nn.Module):
    """Logits of each code given those before it: [N, t] -> [N, t, n] for t up to `length`."""

    def __init__(
        self, length: int, num_codes: int, width: int, num_layers: int, num_heads: int
    ) -> None:
        super().__init__()
        self.codes = nn.Embedding(num_codes, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.Sequential(*(_Block(width, num_heads) for _ in range(num_layers)))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, num_codes))

    def forward(self, codes: Tensor) -> Tensor:
        before = pad(self.codes(codes[:, :-1]), (0, 0, 1, 0))  # each sees the code to its left
        return self.head(self.blocks(before + self.places[: codes.shape[1]]))


class _Block(nn.Module):
    """Causal attention, then a network per position, both residual: [N, t, width] kept."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.each = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        heads = self.project(self.norm(x)).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # each [N, heads, t, width / heads]
        seen = scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.join(seen.transpose(1, 2).flatten(2))
        return x + self.each(x)

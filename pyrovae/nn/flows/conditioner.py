"""The networks that compute the parameters of a layer from a vector and a context."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from pyro.nn.auto_reg_nn import MaskedLinear
from torch import Tensor, nn
from torch.nn import functional as F

from ..sizes import Sizes, as_sizes


class Conditioner(nn.Module):
    """A dense network of a vector [..., N] and a context [..., C]; its output starts near zero.

    The first layer adds a linear map of the vector and one of the context. `given` computes the
    latter, once for all particles of a datum.

    Args:
        in_dim: N.
        context_dim: C; may be 0.
        out_dim: Size of the output [..., out_dim].
        hidden: Widths of the hidden layers; without any the network is affine.
        masks: For each layer, a mask of its weights: zeros remove connections.

    Raises:
        ConfigError: A width is below one.
    """

    def __init__(
        self,
        in_dim: int,
        context_dim: int,
        out_dim: int,
        hidden: Sizes,
        masks: Sequence[Tensor] | None = None,
    ) -> None:
        super().__init__()
        hidden = as_sizes(hidden, "hidden", "a flow", allow_none=True)
        widths = [in_dim, *hidden, out_dim]
        pairs = list(zip(widths, widths[1:], strict=False))
        layers = [
            nn.Linear(*pair) if masks is None else MaskedLinear(*pair, masks[i])
            for i, pair in enumerate(pairs)
        ]
        self.layers = nn.ModuleList(layers)
        self.of_context = nn.Linear(context_dim, widths[1], bias=False) if context_dim else None
        with torch.no_grad():
            layers[-1].weight.mul_(0.05)
            layers[-1].bias.zero_()
            if not hidden and self.of_context is not None:
                self.of_context.weight.mul_(0.05)

    @property
    def last(self) -> nn.Linear:
        return cast(nn.Linear, self.layers[-1])

    def given(self, context: Tensor | None) -> Tensor | None:
        """What the context adds to the first layer [..., width]."""
        if self.of_context is None or context is None:
            return None
        return self.of_context(context)

    def forward(self, x: Tensor, given: Tensor | None, rows: slice = slice(None)) -> Tensor:
        """The output [..., out_dim]. `rows` computes a part of it, which costs less."""
        for i, layer in enumerate(cast(Iterable[nn.Linear], self.layers)):
            own = rows if layer is self.last else slice(None)
            weight = layer.weight[own]
            if isinstance(layer, MaskedLinear):
                weight = weight * layer.mask[own]
            x = F.linear(x if i == 0 else F.elu(x), weight, layer.bias[own])
            if i == 0 and given is not None:
                x = x + given[..., own]
        return x


def masked_conditioner(dim: int, context_dim: int, num_params: int, hidden: Sizes) -> Conditioner:
    """A network [..., L * num_params] whose outputs for an element see the elements before it.

    For another order use a permutation between layers.

    Source:
        MADE: Masked Autoencoder for Distribution Estimation (Germain et al., 2015), sec. 4,
        https://arxiv.org/abs/1502.03509
    """
    seen = torch.arange(1, dim + 1)  # a unit of degree m sees the first m elements
    first = 0 if context_dim or dim == 1 else 1  # at degree 0 a unit sees the context alone
    masks, hidden = [], as_sizes(hidden, "hidden", "a flow", allow_none=True)
    for width in hidden:
        degrees = torch.linspace(first, dim - 1, max(width, 1)).round()
        masks.append((degrees[:, None] >= seen).to(torch.get_default_dtype()))
        seen = degrees
    before = torch.arange(dim).repeat_interleave(num_params)
    masks.append((before[:, None] >= seen).to(torch.get_default_dtype()))
    return Conditioner(dim, context_dim, dim * num_params, hidden, masks)

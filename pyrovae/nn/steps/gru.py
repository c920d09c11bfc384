"""A gated recurrent unit, over a whole sequence or one step at a time."""

import torch
from torch import Tensor, nn


class GRU(nn.Module):
    """One layer of gated recurrent units: h_t from h_(t-1) and an input.

    `forward` takes whole sequences in one call of torch's own loop; `step` takes one step, with
    the same weights, where an input depends on the state before.

    Args:
        in_size: I.
        size: H.

    Source:
        Learning Phrase Representations using RNN Encoder-Decoder (Cho et al., 2014), sec. 2.3,
        https://arxiv.org/abs/1406.1078, in the form of `torch.nn.GRU`

    Example:
        >>> cell, u = GRU(3, 4), torch.randn(2, 5, 3)
        >>> h = cell(u)
        >>> torch.allclose(h[:, 1], cell.step(u[:, 1], h[:, 0]), atol=1e-6)
        True
    """

    input_weight: Tensor
    state_weight: Tensor
    input_bias: Tensor
    state_bias: Tensor

    def __init__(self, in_size: int, size: int) -> None:
        super().__init__()
        self.in_size, self.size = in_size, size
        bound = size**-0.5
        for name, shape in (
            ("input_weight", (3 * size, in_size)),
            ("state_weight", (3 * size, size)),
            ("input_bias", (3 * size,)),
            ("state_bias", (3 * size,)),
        ):
            start = torch.empty(shape).uniform_(-bound, bound)
            self.register_parameter(name, nn.Parameter(start))

    def forward(self, inputs: Tensor) -> Tensor:
        """The states after each step [N, T, H] of inputs [N, T, I], from a state of zeros."""
        if not inputs.shape[1]:
            return inputs.new_zeros(inputs.shape[0], 0, self.size)
        start = inputs.new_zeros(1, inputs.shape[0], self.size)
        found: Tensor = torch.gru(
            inputs, start, self._weights(), True, 1, 0.0, self.training, False, True
        )[0]
        return found

    def step(self, inputs: Tensor, state: Tensor) -> Tensor:
        """The next state [..., H] of inputs [..., I] and a state [..., H]."""
        lead = torch.broadcast_shapes(inputs.shape[:-1], state.shape[:-1])
        flat = [u.expand(*lead, u.shape[-1]).reshape(-1, u.shape[-1]) for u in (inputs, state)]
        return torch.gru_cell(*flat, *self._weights()).reshape(*lead, self.size)

    def extra_repr(self) -> str:
        return f"in_size={self.in_size}, size={self.size}"

    def _weights(self) -> tuple[Tensor, ...]:
        return self.input_weight, self.state_weight, self.input_bias, self.state_bias

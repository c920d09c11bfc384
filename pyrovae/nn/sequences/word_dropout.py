"""Codes hidden from a decoder in training, so that it has to ask z for them."""

from numbers import Real

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import UNKNOWN
from ...errors import ConfigError


class WordDropout(nn.Module):
    """Puts the code of what is not known in the place of a random share of codes, in training.

    It is for what a decoder reads [..., T], whose first code begins the row and is always shown.

    Args:
        share: Of the codes that are hidden, from 0 to 1; each on its own.

    Raises:
        ConfigError: It is no share.

    Source:
        Generating Sentences from a Continuous Space (Bowman et al., 2016), sec. 3.1,
        https://arxiv.org/abs/1511.06349

    Example:
        >>> WordDropout(1.0)(torch.tensor([[2, 5, 6]]))
        tensor([[2, 3, 3]])
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not _is_share(share):
            raise ConfigError(f"word_dropout={share!r}; it needs a share of the codes, 0 to 1")
        self.dropout = nn.Dropout(share)

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or self.dropout.p == 0:
            return inputs
        first, others = inputs[..., :1], inputs[..., 1:]
        is_shown = self.dropout(torch.ones(others.shape, device=others.device)) > 0
        return torch.cat([first, torch.where(is_shown, others, UNKNOWN)], -1)


def _is_share(value: object) -> bool:
    return isinstance(value, Real) and 0 <= float(value) <= 1

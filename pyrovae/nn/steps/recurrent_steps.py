"""Recurrent network from a sequence to an output for each of its steps."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from ...errors import ConfigError
from ..sizes import Shape, as_shape, as_size
from .gru import GRU

Direction = Literal["forward", "backward", "both"]
"""What the output of a step sees: the steps up to it, those from it on, or all."""


class RecurrentSteps(nn.Module):
    """Gated recurrent units along a sequence, [N, T, D] -> [N, T, P], for any T.

    Args:
        in_shape: (T, D); T may differ from call to call.
        out_shape: (T, P).
        hidden: Size of the state, H, of each direction.
        direction: "backward" sees the steps from t on, "forward" those up to t, "both" all.

    Raises:
        ConfigError: There is no such direction, or a shape is not of a sequence.

    Example:
        >>> net = RecurrentSteps((7, 3), (7, 2), hidden=8)
        >>> net(torch.zeros(5, 7, 3)).shape
        torch.Size([5, 7, 2])
    """

    def __init__(
        self,
        in_shape: Shape | int,
        out_shape: Shape | int,
        *,
        hidden: int = 64,
        direction: Direction = "both",
    ) -> None:
        super().__init__()
        if direction not in get_args(Direction):
            raise ConfigError(
                f"RecurrentSteps got direction={direction!r}; give 'forward', 'backward' or 'both'"
            )
        sizes = as_shape(in_shape), as_shape(out_shape)
        if len(sizes[0]) != 2 or len(sizes[1]) != 2:
            raise ConfigError(
                f"RecurrentSteps got shapes {sizes[0]} and {sizes[1]}; it maps sequences, (T, D) "
                "to (T, P)"
            )
        hidden = as_size(hidden, "hidden", "RecurrentSteps")
        self.direction = direction
        self.forwards = GRU(sizes[0][1], hidden) if direction != "backward" else None
        self.backwards = GRU(sizes[0][1], hidden) if direction != "forward" else None
        self.head = nn.Linear(hidden * (1 + (direction == "both")), sizes[1][1])

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Outputs [N, T, P]; those of the steps beyond the lengths [N] mean nothing.

        Those within are the same whatever stands beyond, and however long it is.
        """
        found = []
        if self.forwards is not None:
            found.append(self.forwards(x))
        if self.backwards is not None:
            if lengths is None:
                found.append(self.backwards(x.flip(-2)).flip(-2))
            else:
                found.append(_reversed(self.backwards(_reversed(x, lengths)), lengths))
        head: Tensor = self.head(torch.cat(found, -1))
        return head


def _reversed(x: Tensor, lengths: Tensor) -> Tensor:
    """The steps within the lengths in reverse order; the others stay where they are."""
    place = torch.arange(x.shape[1], device=x.device)
    turned = lengths.unsqueeze(-1) - 1 - place  # [N, T]
    place = torch.where(turned >= 0, turned, place)
    return x.gather(1, place.unsqueeze(-1).expand(x.shape))

"""A decoder of a user's own, in which padding and the begin are never drawn."""

from typing import Any

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import NEVER_DRAWN
from ...errors import ConfigError
from .base import SequenceDecoder, State


class ClosedDecoder(nn.Module):
    """Any decoder with logits of -inf for padding and for the begin.

    Args:
        decoder: Has `forward(inputs [N, T], z [N, L]) -> logits [N, T, V]`, `begin(z)` and
            `step(state, codes [N]) -> (logits [N, V], state)`, as `SequenceDecoder`.

    Raises:
        ConfigError: It lacks `begin` or `step`.
    """

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        missing = [
            name for name in ("begin", "step") if not callable(getattr(decoder, name, None))
        ]
        if missing:
            raise ConfigError(
                f"the decoder {type(decoder).__name__} has no {' and no '.join(missing)}; a "
                "decoder of sequences has forward(inputs, z), begin(z) and step(state, codes): "
                "derive it from pyrovae.nn.SequenceDecoder, or take nn.GRUDecoder"
            )
        self.decoder: Any = decoder

    def forward(self, inputs: Tensor, z: Tensor) -> Tensor:
        return never_drawn(self.decoder(inputs, z))

    def begin(self, z: Tensor) -> State:
        """See `SequenceDecoder.begin`."""
        state: State = self.decoder.begin(z)
        return state

    def step(self, state: State, codes: Tensor) -> tuple[Tensor, State]:
        """See `SequenceDecoder.step`."""
        logits, state = self.decoder.step(state, codes)
        return never_drawn(logits), state


def closed(decoder: nn.Module) -> SequenceDecoder | ClosedDecoder:
    """A decoder whose logits of padding and the begin are -inf: itself, where they are."""
    return decoder if isinstance(decoder, SequenceDecoder) else ClosedDecoder(decoder)


def never_drawn(logits: Tensor) -> Tensor:
    """Logits [..., V] with -inf for padding and the begin."""
    never = torch.tensor(NEVER_DRAWN, device=logits.device)
    return logits.index_fill(-1, never, -torch.inf)

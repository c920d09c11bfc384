"""A row of codes, each drawn given those before it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import pyro.distributions as dist
import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.distributions import constraints

from .sequence_codes import BEGIN, END, PADDING

Sizes: TypeAlias = torch.Size | Sequence[int]


class Decoder(Protocol):
    """Logits of the next code, for a whole row or step by step."""

    def __call__(self, inputs: Tensor, z: Tensor) -> Tensor:
        """Logits [N, T, V] after each of the inputs [N, T], for z [N, L]."""

    def begin(self, z: Tensor) -> tuple[Tensor, ...]:
        """The state before the first step."""

    def step(self, state: tuple[Tensor, ...], codes: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Logits [N, V] after one more input [N], and the new state."""


class CodeSequence(dist.TorchDistribution):
    r"""A row of codes up to and with its end, :math:`\prod_t p(c_t|c_{<t}, z)`; then padding.

    What stands after the end has no part in the density, so that a row may be padded to any
    length. A row without an end is a beginning: its probability is that of all texts that begin
    so. Over the rows of T codes the probabilities sum to one.

    Codes have no mean. `likeliest` gives the row of the likeliest code at each step.

    Args:
        decoder: Gives the logits. Codes that are never drawn have logits -inf.
        z: What it is given [..., L]; the batch shape is [...].
        length: T.
        known: Codes [..., T], and the logits [..., T, V] that were computed for them already.

    Example:
        >>> from pyrovae.nn.sequences import GRUDecoder
        >>> texts = CodeSequence(GRUDecoder(4, 30, width=8), torch.zeros(5, 4), 6)
        >>> x = texts.sample()
        >>> x.shape, texts.log_prob(x).shape
        (torch.Size([5, 6]), torch.Size([5]))
    """

    arg_constraints = {}
    are_codes = True  # no arithmetic is done with its values

    def __init__(
        self,
        decoder: Decoder,
        z: Tensor,
        length: int,
        known: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.decoder, self.z, self.known = decoder, z, known
        super().__init__(z.shape[:-1], torch.Size([length]), validate_args=False)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> constraints.Constraint:
        return constraints.independent(constraints.nonnegative_integer, 1)

    def expand(self, batch_shape: Sizes, _instance: None = None) -> "CodeSequence":
        shape, known = torch.Size(batch_shape), self.known
        if known is not None:
            known = known[0], known[1].expand(shape + known[1].shape[-2:])
        z = self.z.expand((*shape, self.z.shape[-1]))
        return CodeSequence(self.decoder, z, self.event_shape[0], known)

    def log_prob(self, value: Tensor) -> Tensor:  # [..., T] -> [...], in nats
        if self.known is not None and self.known[0] is value:
            logits = self.known[1]
        else:
            logits = logits_of(self.decoder, shifted(value), self.z)
        return score(logits, value)

    def score_at(self, value: Tensor) -> Tensor:
        """log p of each code of rows [..., T] given those before it; 0 after the end [..., T]."""
        return score_at(logits_of(self.decoder, shifted(value), self.z), value)

    def likeliest(self) -> Tensor:
        """The likeliest code at each step, given those before it [..., T].

        It need not be the likeliest row: a likely code may lead to unlikely ones.
        """
        return self._rows(self.z, lambda logits: logits.argmax(-1))

    @torch.no_grad()
    def sample(self, sample_shape: Sizes = ()) -> Tensor:
        shape = torch.Size(sample_shape) + self.z.shape
        return self._rows(self.z.expand(shape), _draw)

    @torch.no_grad()
    def _rows(self, z: Tensor, choose: Callable[[Tensor], Tensor]) -> Tensor:
        lead, flat = z.shape[:-1], z.reshape(-1, z.shape[-1])
        if not lead.numel():
            return flat.new_zeros((*lead, *self.event_shape), dtype=torch.int64)
        state = self.decoder.begin(flat)
        codes = torch.full((len(flat),), BEGIN, device=z.device)
        ended = torch.zeros_like(codes, dtype=torch.bool)
        made: list[Tensor] = []
        for _ in range(self.event_shape[0]):
            logits, state = self.decoder.step(state, codes)
            codes = torch.where(ended, PADDING, choose(logits))
            made.append(codes)
            ended = ended | (codes == END)
            if not is_compiling() and not ended.is_meta and bool(ended.all()):
                break
        row = torch.stack(made, -1)
        rest = row.new_full((len(row), self.event_shape[0] - row.shape[-1]), PADDING)
        return torch.cat([row, rest], -1).reshape(lead + self.event_shape)


def shifted(codes: Tensor) -> Tensor:
    """What a decoder reads to score codes [..., T]: the begin, and all of them but the last."""
    return torch.cat([torch.full_like(codes[..., :1], BEGIN), codes[..., :-1]], -1)


def until_end(codes: Tensor) -> Tensor:
    """Where codes [..., T] stand up to and with their end, bool."""
    ends = (codes == END).to(torch.int64)
    return ends.cumsum(-1) - ends == 0


def logits_of(decoder: Any, inputs: Tensor, z: Tensor) -> Tensor:  # noqa: ANN401
    """Logits [..., T, V] after inputs [..., T] for z [..., L]; the decoder sees one batch axis."""
    lead = torch.broadcast_shapes(inputs.shape[:-1], z.shape[:-1])
    codes = inputs.expand((*lead, inputs.shape[-1])).reshape(-1, inputs.shape[-1])
    logits: Tensor = decoder(codes, z.expand((*lead, z.shape[-1])).reshape(len(codes), -1))
    return logits.reshape(*lead, *logits.shape[1:])


def score(logits: Tensor, codes: Tensor) -> Tensor:
    """log p of rows of codes [..., T] by the logits at each step [..., T, V] -> [...]."""
    return score_at(logits, codes).sum(-1)


def score_at(logits: Tensor, codes: Tensor) -> Tensor:
    """The same of each code [..., T], 0 after the end."""
    index = codes.expand(logits.shape[:-1]).unsqueeze(-1)
    each = logits.log_softmax(-1).gather(-1, index).squeeze(-1)
    return torch.where(until_end(codes), each, torch.zeros_like(each))


def _draw(logits: Tensor) -> Tensor:
    return torch.multinomial(logits.softmax(-1), 1).squeeze(-1)

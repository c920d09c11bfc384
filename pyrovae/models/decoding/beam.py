"""Beam search."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...distributions.sequence_codes import END, PADDING
from ...errors import ConfigError
from ...nn.sizes import as_size
from .base import (
    Decoded,
    Decoding,
    Stepwise,
    all_of,
    begins,
    in_evaluation,
    is_number,
    next_codes,
    padded,
    rows_of,
)


class Beam(Decoding):
    r"""The most probable string that a search finds which keeps `width` beginnings at a time.

    With a width of all beginnings it is the most probable row of codes. At width one it is
    `Greedy`. More probable is not better: the most probable strings of a model of text are often
    short and dull. Nothing is drawn, so that variety comes from z alone, or from `alternatives`.

    With a length penalty :math:`\alpha` strings are ranked by
    :math:`\log p / ((5 + l) / 6)^\alpha`, l their number of codes with the end.

    Args:
        width: W, beginnings that are kept for each z.
        length_penalty: :math:`\alpha \ge 0`; 0 ranks by probability, more favours long strings.

    Raises:
        ConfigError: A number is outside its range.

    Source:
        the length penalty: Google's Neural Machine Translation System (Wu et al., 2016), sec. 7,
        https://arxiv.org/abs/1609.08144; of the most probable strings: On NMT Search Errors and
        Model Errors (Stahlberg & Byrne, 2019), https://arxiv.org/abs/1908.10090
    """

    def __init__(self, width: int = 4, length_penalty: float = 0.0) -> None:
        if not is_number(length_penalty) or not 0 <= length_penalty < math.inf:
            raise ConfigError(
                f"Beam got length_penalty={length_penalty!r}; it needs a number, 0 or more"
            )
        self.width = as_size(width, "width", "Beam")
        self.length_penalty = float(length_penalty)

    @torch.no_grad()
    def alternatives(
        self, network: Stepwise, z: Tensor, n: int | None = None, *, max_length: int
    ) -> Decoded:
        """The best `n` strings for each z: codes [N, n, T], best first, and log-probs [N, n].

        Where the search finds fewer, the rest is padding with log-probability minus infinity.

        Args:
            network: See `decode`, as for `z` and `max_length`.
            z: Latents [N, L].
            n: How many, at most the width; all by default.
            max_length: T, the end code included.

        Raises:
            ConfigError: `n` is more than the width.
        """
        count = self.width if n is None else as_size(n, "n", "Beam.alternatives")
        if count > self.width:
            raise ConfigError(
                f"Beam.alternatives got n={count}, and the search keeps {self.width}; take "
                f"Beam(width={count})"
            )
        length = as_size(max_length, "max_length", "Beam.alternatives")
        with in_evaluation(network):
            return self._search(network, z, length, count)

    def _decode(self, network: Stepwise, z: Tensor, length: int) -> Decoded:
        best = self._search(network, z, length, 1)
        return Decoded(best.codes[:, 0], best.log_prob[:, 0])

    def _search(self, network: Stepwise, z: Tensor, length: int, count: int) -> Decoded:
        state, last, beams = network.begin(z), begins(z), _Beams.empty(z)
        for _ in range(length):
            log_probs, state = next_codes(network, state, last)
            beams, rows = self._step(beams, log_probs.unflatten(0, beams.log_prob.shape))
            if all_of(self._settled(beams, count)):
                break
            state, last = rows_of(state, rows), beams.codes[..., -1].flatten()
        missing = (0, max(0, count - beams.log_prob.shape[1]))
        log_prob = nn.functional.pad(beams.log_prob, missing, value=-torch.inf)[:, :count]
        codes = nn.functional.pad(padded(beams.codes, length), (0, 0, *missing))[:, :count]
        return Decoded(codes.masked_fill(log_prob.isneginf().unsqueeze(-1), PADDING), log_prob)

    def _step(self, beams: "_Beams", log_probs: Tensor) -> tuple["_Beams", Tensor]:
        """The best continuations, and of which rows [N * w] of the state they are."""
        after = torch.full_like(log_probs, -torch.inf)
        after[..., PADDING] = 0.0  # a string that has ended stays as it is
        total = beams.log_prob.unsqueeze(-1) + torch.where(
            beams.is_done.unsqueeze(-1), after, log_probs
        )
        lengths = beams.lengths + ~beams.is_done
        ranks = (total / self._penalty(lengths).unsqueeze(-1)).flatten(1)  # [N, w * V]
        places = ranks.topk(min(self.width, ranks.shape[1])).indices  # [N, W]
        parents, codes = places // log_probs.shape[-1], places % log_probs.shape[-1]
        of = parents.unsqueeze(-1).expand(-1, -1, beams.codes.shape[-1])
        made = _Beams(
            codes=torch.cat([beams.codes.gather(1, of), codes.unsqueeze(-1)], -1),
            log_prob=total.flatten(1).gather(1, places),
            lengths=lengths.gather(1, parents),
            is_done=beams.is_done.gather(1, parents) | (codes == END),
        )
        first = torch.arange(len(places), device=places.device) * log_probs.shape[1]
        return made, (first.unsqueeze(1) + parents).flatten()

    def _settled(self, beams: "_Beams", count: int) -> Tensor:
        """Which strings no longer change: probabilities only fall, but ranks need not."""
        settled = beams.is_done | beams.log_prob.isneginf()
        return settled[:, :count] if self.length_penalty == 0 else settled

    def _penalty(self, lengths: Tensor) -> Tensor:
        return ((5.0 + lengths) / 6.0) ** self.length_penalty

    def __repr__(self) -> str:
        return f"Beam({self.width}, length_penalty={self.length_penalty:g})"


@dataclass(frozen=True, eq=False)
class _Beams:
    """w beginnings of strings for each z, best first.

    Attributes:
        codes: [N, w, t].
        log_prob: [N, w].
        lengths: Number of codes, the end included [N, w].
        is_done: Whether it has an end [N, w].
    """

    codes: Tensor
    log_prob: Tensor
    lengths: Tensor
    is_done: Tensor

    @classmethod
    def empty(cls, z: Tensor) -> "_Beams":
        """One beginning without codes for each z [N, L]."""
        codes = torch.zeros(len(z), 1, 0, dtype=torch.int64, device=z.device)
        none = codes.new_zeros(len(z), 1)
        return cls(codes, none.float(), none, none.bool())

"""Beginnings of texts as rows of codes: without an end, with padding after them."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..distributions.code_sequence import shifted
from ..distributions.sequence_codes import END, PADDING
from ..errors import DataError
from .held_vocabulary import HeldVocabulary


def as_beginnings(
    given: Tensor | Sequence[str] | str, vocabulary: HeldVocabulary, length: int, where: str
) -> Tensor:
    """Rows of codes [N, P] of beginnings, P below `length`.

    Args:
        given: Texts, or codes [N, ...], whose ends are left out.
        vocabulary: Of the texts.
        length: T, the codes of a whole text with its end.
        where: Begins the messages of errors.

    Raises:
        DataError: A beginning leaves no code for the end, or these are no rows of codes.
    """
    if not isinstance(given, Tensor):
        given = vocabulary.encode([given] if isinstance(given, str) else given)
    if given.dim() != 2:
        raise DataError(
            f"{where} got beginnings of shape {list(given.shape)}; give texts, or rows of codes "
            "[N, P]"
        )
    codes = given.to(vocabulary.as_json.device, torch.int64)
    codes = codes.masked_fill(codes == END, PADDING)
    needed = 0 if codes.is_meta or not codes.numel() else int((codes != PADDING).sum(1).max())
    if needed >= length:
        raise DataError(
            f"{where} got a beginning of {needed} codes, and whole texts have {length} with "
            f"their end; give at most {length - 1}, or build the pair with a larger data_shape"
        )
    return codes[:, : max(needed, 1)]


def with_end(codes: Tensor) -> Tensor:
    """Beginnings [N, P] as whole texts: each with its end [N, P + 1]."""
    place = (codes != PADDING).sum(1, keepdim=True)
    return nn.functional.pad(codes, (0, 1), value=PADDING).scatter(1, place, END)


def log_prob_of(codes: Tensor, logits_of: Callable[[Tensor, Tensor], Tensor], z: Tensor) -> Tensor:
    """log p(beginning|z) of beginnings [N, P], for what the decoder sees, z [K, N, L]: [K, N]."""
    rows = codes.expand(*z.shape[:-1], codes.shape[-1])
    logits = logits_of(shifted(rows), z).log_softmax(-1)
    each = logits.gather(-1, rows.clamp_min(END).unsqueeze(-1)).squeeze(-1)
    return torch.where(rows != PADDING, each, 0.0).sum(-1)

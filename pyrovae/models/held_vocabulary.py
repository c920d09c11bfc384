"""A vocabulary as a part of a model, saved with its parameters."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ..data import Vocabulary
from ..distributions.code_sequence import until_end
from ..distributions.sequence_codes import BEGIN, END, PADDING
from ..errors import DataError
from ..nn.described import Described


class HeldVocabulary(Described):
    """A vocabulary that stays with a model: parameters trained with another one are refused.

    Args:
        given: A `pyrovae.data.Vocabulary`, or what its `to_json()` gives.

    Attributes:
        plain: The vocabulary itself.

    Raises:
        ConfigError: It is no vocabulary.
    """

    def __init__(self, given: Vocabulary | Mapping[str, Any] | str) -> None:
        self_plain = Vocabulary.from_json(given)
        super().__init__(self_plain.to_json())
        self.plain = self_plain

    @property
    def unit(self) -> str:
        """What one code stands for: a character, a byte or a word."""
        return self.plain.unit

    def encode(self, texts: Sequence[str], length: int | None = None) -> Tensor:
        """See `pyrovae.data.Vocabulary.encode`."""
        return self.plain.encode(texts, length)

    def decode(self, x: Tensor) -> list[str]:
        """See `pyrovae.data.Vocabulary.decode`."""
        return self.plain.decode(x)

    def check(self, x: Tensor, where: str, *, blank: bool = False) -> None:
        """Refuse rows [N, T] that are no texts of this vocabulary.

        Args:
            x: The rows.
            where: Begins the message.
            blank: Whether a row may be padding alone, which stands for no text.

        Raises:
            DataError: A code is none of the vocabulary, padding or the begin stands within a
                text, something other than padding after its end, or a row is padding alone.
        """
        if not x.numel() or x.is_meta:
            return
        within, empty = until_end(x), (x == PADDING).all(-1, keepdim=True)
        if not blank and bool(empty.any()):
            raise DataError(
                f"{where}: row {int(empty.flatten().nonzero()[0])} of the batch is padding alone; "
                f"a text ends by the code {END}, an empty one too: make rows by vocabulary.encode"
            )
        for wrong, why in (
            ((x < 0) | (x >= len(self)), f"the vocabulary has the codes 0 to {len(self) - 1}"),
            (within & ~empty & ((x == PADDING) | (x == BEGIN)),
             f"padding ({PADDING}) stands only after the end ({END}), and the begin nowhere"),
            (~within & (x != PADDING), f"after the end ({END}) stands only padding ({PADDING})"),
        ):  # fmt: skip
            if bool(wrong.any()):
                row, place = (int(i) for i in wrong.nonzero()[0])
                raise DataError(
                    f"{where} got the code {int(x[row, place])} at place {place} of row {row}, "
                    f"and {why}; make rows by vocabulary.encode, with the vocabulary of the model"
                )

    def share_unknown(self, x: Tensor) -> float:
        """See `pyrovae.data.Vocabulary.share_unknown`."""
        return self.plain.share_unknown(x)

    def to_json(self) -> dict[str, Any]:
        """See `pyrovae.data.Vocabulary.to_json`."""
        return self.plain.to_json()

    def __len__(self) -> int:
        return len(self.plain)

    def extra_repr(self) -> str:
        return repr(self.plain)

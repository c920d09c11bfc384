"""What the families of text share: rows of codes of a vocabulary."""

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..data import Vocabulary
from ..distributions.code_sequence import until_end
from ..errors import ConfigError, DataError, ShapeError
from ..nn import Shape
from ..nn.sizes import as_shape
from .base import Family
from .capabilities import Figure
from .held_vocabulary import HeldVocabulary


class OfText(Family, ABC):
    """Base of the families whose data are texts, as rows of codes [N, T] of a vocabulary.

    Args:
        data_shape: (T,), the codes of the longest text and its end.
        vocabulary: Whose codes they are: a `data.Vocabulary` or its JSON form.

    Raises:
        ConfigError: Texts are no rows, or there is no vocabulary.
    """

    _x_is: ClassVar[str] = "a batch"

    def __init__(
        self, data_shape: Shape | int, vocabulary: Vocabulary | Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", type(self).__name__)
        if len(self.data_shape) != 1:
            raise ConfigError(
                f"{type(self).__name__} got data_shape={self.data_shape}; texts are rows of "
                "codes, (T,)"
            )
        self.vocabulary = HeldVocabulary(vocabulary)

    @classmethod
    def example_x(cls, n: int = 24) -> Tensor:
        """Codes of `example()`: texts of one to five letters."""
        drawn = torch.Generator().manual_seed(0)
        x = torch.randint(4, 8, (n, 6), generator=drawn)
        ends = torch.randint(1, 6, (n, 1), generator=drawn)
        places = torch.arange(6)
        return torch.where(places < ends, x, (places == ends).long())

    def to_text(self, x: Tensor) -> list[str]:
        """The text of each row of codes [N, T]."""
        return self.vocabulary.decode(x)

    def num_tokens(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """How many codes the log-density of each text is of [N]: its own, and its end."""
        return until_end(x).sum(-1)

    @property
    def token(self) -> str:
        """What one code stands for: "character", "byte" or "word"."""
        return self.vocabulary.unit

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """The share of what the vocabulary does not know."""
        share = self.vocabulary.share_unknown(x)
        numbers = {"unknown_share": share}
        return [(f"unknown {self.token}s", f"{share:.2%}", "not in the vocabulary", numbers)]

    def _rows(self, x: Tensor, method: str, *, blank: bool = False) -> Tensor:
        """Codes [B, T] int64 of a batch, checked; with `blank` rows may be padding alone."""
        where, longest = f"{type(self).__name__}.{method}", self.data_shape[0]
        if x.dim() != 2 or not 0 < x.shape[1] <= longest:
            raise ShapeError(
                f"{where} got {self._x_is} of shape {list(x.shape)}; it needs rows of at most "
                f"{longest} codes, [B, {longest}]: encode text by vocabulary.encode(texts, "
                f"{longest}), or build it with a larger data_shape"
            )
        return self._codes(x, where, blank=blank)

    def _codes(self, x: Tensor, where: str, *, blank: bool = False) -> Tensor:
        """Whole numbers [B, T] as codes int64, which are those of texts."""
        codes = x if x.dtype == torch.int64 else x.to(torch.int64)
        if not is_validation_enabled() or x.is_meta:
            return codes
        if x.is_floating_point() and bool((wrong := codes != x).any()):
            row, place = (int(i) for i in wrong.nonzero()[0])
            raise DataError(
                f"{where} got {float(x[row, place]):g} at place {place} of row {row}; codes are "
                "whole numbers: make rows by vocabulary.encode"
            )
        self.vocabulary.check(codes, where, blank=blank)
        return codes

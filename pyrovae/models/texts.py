"""What the families of texts share: rows of codes, their vocabulary, and classes."""

from abc import ABC
from collections.abc import Sequence

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..distributions.code_sequence import until_end
from ..errors import ConfigError, ShapeError
from ..nn.condition import Condition
from .base import Family
from .capabilities import Figure, evidence_of
from .held_vocabulary import HeldVocabulary


class Texts(Family, ABC):
    """Base of the families whose data are rows of codes [N, T] of a vocabulary.

    A subclass sets the attributes.

    Attributes:
        data_shape: (T,), the codes of the longest text and its end.
        vocabulary: Whose codes they are.
        condition: Makes network inputs of classes; None where texts have none.
    """

    data_shape: tuple[int, ...]
    vocabulary: HeldVocabulary
    condition: Condition | None

    def to_text(self, x: Tensor) -> list[str]:
        """The text of each row of codes [N, T]."""
        return self.vocabulary.decode(x)

    def num_tokens(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """How many codes log p(x) is of [N]: those of each text, and its end."""
        return until_end(x).sum(-1)

    @property
    def token(self) -> str:
        """What one code stands for: "character", "byte" or "word"."""
        return self.vocabulary.unit

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of, and the share of what the vocabulary does not know."""
        share = self.vocabulary.share_unknown(x)
        numbers = {"unknown_share": share}
        row = f"unknown {self.token}s", f"{share:.2%}", "not in the vocabulary", numbers
        return [row] if self.condition is None else [evidence_of("p(x|y)"), row]

    def _with(self, z: Tensor, given: Tensor | None) -> Tensor:
        """What the decoder sees: z [..., L], and the class."""
        if given is None:
            self._check_without("decode")
            return z
        return torch.cat([z, given.expand(*z.shape[:-1], -1)], -1)

    def _checked(self, x: Tensor, y: Tensor | None, method: str) -> tuple[Tensor, Tensor | None]:
        where, longest = f"{type(self).__name__}.{method}", self.data_shape[0]
        if x.dim() != 2 or not 0 < x.shape[1] <= longest:
            raise ShapeError(
                f"{where} got a batch of shape {list(x.shape)}; it needs rows of at most "
                f"{longest} codes, [B, {longest}]: encode text by vocabulary.encode(texts, "
                f"{longest}), or build it with a larger data_shape"
            )
        codes = x if x.dtype == torch.int64 else x.to(torch.int64)
        if is_validation_enabled():
            # The model is drawn from at rows that say nothing but how many.
            self.vocabulary.check(codes, where, blank=method == "model")
        if y is None:
            self._check_without(method)
            return codes, None
        return codes, self._classes(y, codes.shape[:1], method)

    def _check_without(self, method: str) -> None:
        if self.condition is not None:
            raise ConfigError(
                f"{type(self).__name__}.{method} needs the classes y of this pair besides; give "
                "them [B], or build it without num_classes"
            )

    def _classes(self, y: Tensor, batch: torch.Size | None, method: str) -> Tensor:
        if self.condition is None:
            raise ConfigError(
                f"{type(self).__name__}.{method} got classes y, and this pair has none; build it "
                "with num_classes, or give x alone"
            )
        y = y.to(self.condition.classes.device)
        given: Tensor = self.condition(y, y.shape[:1] if batch is None else batch)
        return given

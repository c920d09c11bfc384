"""What the families of one text given another share: rows of codes, checked, and their text."""

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pyro.infer.util import is_validation_enabled
from torch import Tensor

from ..data import Vocabulary
from ..distributions.code_sequence import until_end
from ..errors import ConfigError, ShapeError
from ..nn import Shape
from ..nn.sizes import as_shape
from .base import Family
from .capabilities import Figure, evidence_of
from .held_vocabulary import HeldVocabulary


class GivenText(Family, ABC):
    """Base of the families whose programs are called as (target [B, T], source [B, S]).

    Args:
        data_shape: (T,), the codes of the longest target and its end.
        vocabulary: Of target and source: a `data.Vocabulary` or its JSON form.

    Raises:
        ConfigError: Targets are no rows, or there is no vocabulary.
    """

    takes_labels = True
    reads_sources = True

    def __init__(
        self, data_shape: Shape | int, vocabulary: Vocabulary | Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.data_shape = as_shape(data_shape, "data_shape", type(self).__name__)
        if len(self.data_shape) != 1:
            raise ConfigError(
                f"{type(self).__name__} got data_shape={self.data_shape}; targets are rows of "
                "codes, (T,)"
            )
        self.vocabulary = HeldVocabulary(vocabulary)

    @classmethod
    def example_x(cls, n: int = 24) -> Tensor:
        """Targets of `example()`: texts of one to five letters."""
        drawn = torch.Generator().manual_seed(0)
        x = torch.randint(4, 8, (n, 6), generator=drawn)
        ends = torch.randint(1, 6, (n, 1), generator=drawn)
        places = torch.arange(6)
        return torch.where(places < ends, x, (places == ends).long())

    def example_y(self, x: Tensor) -> Tensor:
        """Sources of targets x [N, T]: the same texts, in another order."""
        return x.roll(1, 0)

    def to_text(self, x: Tensor) -> list[str]:
        """The text of each row of codes [N, T], of targets as of sources."""
        return self.vocabulary.decode(x)

    def num_tokens(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """How many codes log p(x|y) is of [N]: those of each target, and its end."""
        return until_end(x).sum(-1)

    @property
    def token(self) -> str:
        """What one code stands for: "character", "byte" or "word"."""
        return self.vocabulary.unit

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of."""
        return [evidence_of("p(target|source)")]

    def _checked(self, x: Tensor, y: Tensor, method: str) -> tuple[Tensor, Tensor]:
        where, longest = f"{type(self).__name__}.{method}", self.data_shape[0]
        if x.dim() != 2 or not 0 < x.shape[1] <= longest:
            raise ShapeError(
                f"{where} got targets of shape {list(x.shape)}; it needs rows of at most "
                f"{longest} codes, [B, {longest}], and the sources after them: the target is x, "
                "the source y"
            )
        target, source = x.to(torch.int64), self._sources(y, method)
        if len(source) != len(target):
            raise ShapeError(
                f"{where} got {len(target)} targets and {len(source)} sources; give one source "
                "for each target"
            )
        if is_validation_enabled():
            self.vocabulary.check(target, where)
        return target, source

    def _sources(self, y: Tensor | Sequence[str], method: str) -> Tensor:
        where = f"{type(self).__name__}.{method}"
        if isinstance(y, str) or (isinstance(y, Sequence) and all(isinstance(t, str) for t in y)):
            y = self.vocabulary.encode([y] if isinstance(y, str) else y)
        if not isinstance(y, Tensor) or y.dim() != 2 or not y.shape[1]:
            got = f"shape {list(y.shape)}" if isinstance(y, Tensor) else repr(y)
            raise ShapeError(
                f"{where} got sources of {got}; it needs rows of codes [B, S], as "
                "vocabulary.encode makes them, or a list of texts"
            )
        source = y.to(self.vocabulary.as_json.device, torch.int64)
        if is_validation_enabled():
            self.vocabulary.check(source, where)
        return source

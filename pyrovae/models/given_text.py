"""Texts that are given another one, as a family takes them."""

from abc import ABC
from collections.abc import Sequence

from torch import Tensor

from ..errors import ShapeError
from .capabilities import Figure, evidence_of
from .of_text import OfText


class GivenText(OfText, ABC):
    """Base of the families whose programs are called as (target [B, T], source [B, S]).

    `data_shape` is that of targets, and the vocabulary that of both.
    """

    takes_labels = True
    reads_sources = True
    _x_is = "targets, which come before their sources,"

    def example_y(self, x: Tensor) -> Tensor:
        """Sources of targets x [N, T]: the same texts, in another order."""
        return x.roll(1, 0)

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of, and the share of the targets that is not known."""
        return [evidence_of("p(target|source)"), *super().figures(x, y)]

    def _checked(self, x: Tensor, y: Tensor, method: str) -> tuple[Tensor, Tensor]:
        where = f"{type(self).__name__}.{method}"
        # The model is drawn from at targets that say nothing but how many.
        target = self._rows(x, method, blank=method == "model")
        source = self._sources(y, method)
        if len(source) != len(target):
            raise ShapeError(
                f"{where} got {len(target)} targets and {len(source)} sources; give one source "
                "for each target"
            )
        return target, source

    def _sources_of(self, z: Tensor, y: Tensor | Sequence[str], method: str) -> Tensor:
        """The sources [B, S] of latents z [..., B, L]; one stands for all."""
        source = self._sources(y, method)
        if z.dim() < 2 or len(source) not in (1, z.shape[-2]):
            raise ShapeError(
                f"{type(self).__name__}.{method} got z of shape {list(z.shape)} and "
                f"{len(source)} sources; give one z for each source, [..., {len(source)}, L]"
            )
        return source.expand(z.shape[-2], -1)

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
        return self._codes(y.to(self.vocabulary.as_json.device), where)

"""Texts that may have classes, as a family takes them."""

from abc import ABC
from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import ConfigError
from ..nn.condition import Condition
from .capabilities import Figure, evidence_of
from .of_text import OfText


class Texts(OfText, ABC):
    """Base of the families of texts whose classes may be given.

    A subclass sets the attribute.

    Attributes:
        condition: Makes network inputs of classes; None where texts have none.
    """

    condition: Condition | None

    def figures(self, x: Tensor, y: Tensor | None = None) -> Sequence[Figure]:
        """What the evidence is of, and the share of what the vocabulary does not know."""
        rows = super().figures(x, y)
        return rows if self.condition is None else [evidence_of("p(x|y)"), *rows]

    def _with(self, z: Tensor, given: Tensor | None) -> Tensor:
        """What the decoder sees: z [..., L], and the class."""
        if given is None:
            self._check_without("decode")
            return z
        return torch.cat([z, given.expand(*z.shape[:-1], -1)], -1)

    def _checked(self, x: Tensor, y: Tensor | None, method: str) -> tuple[Tensor, Tensor | None]:
        # The model is drawn from at rows that say nothing but how many.
        codes = self._rows(x, method, blank=method == "model")
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

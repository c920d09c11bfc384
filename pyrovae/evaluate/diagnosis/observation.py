"""What one pass over the data gives: what each latent is worth, moments, the noise."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class Observation:
    """What one pass gives, of a block of rows or of all; float64 on the CPU.

    Attributes:
        per_datum: Means over the draws [N], by (what, site): "exchanged" and "redrawn", nats that
            are lost (see `SiteFindings`); "kl by dimension" [N, L].
        sums: Over draws and data, by (what, site): "z" [L], "zz" [L] or [L, L], "x" and "xx" [D],
            "moved" [], "error" [], "standardised" [], "elements" [], "classes" [C]; where some
            elements are masked, "seen" [D], how often each was not.
        facts: By (what, site): "prior" (mean [L] and covariance [L, L] of one normal that all
            data share), "scales" (smallest and largest), "kind", "penalties" (names).
        rows: Some observed values by site [M, D].
        draws: Over which the sums go.
        refusal: Why latents could not be exchanged; empty where they were.
    """

    per_datum: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    sums: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    facts: dict[tuple[str, str], Any] = field(default_factory=dict)
    rows: dict[str, Tensor] = field(default_factory=dict)
    draws: int = 0
    refusal: str = ""

    def add(self, what: str, site: str, value: Tensor) -> None:
        """Add to a sum."""
        value = value.double().cpu()
        held = self.sums.get((what, site))
        self.sums[what, site] = value if held is None else held + value

    def widen(self, what: str, site: str, low: float, high: float) -> None:
        """Widen a range."""
        held = self.facts.get((what, site), (low, high))
        self.facts[what, site] = (min(low, held[0]), max(high, held[1]))

"""The sites of a pair as a table: shapes, plates, scales, and how each is treated."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .inspection import Inspection, is_factor, kind_of, show
from .runs import Node
from .source import SourceLine


@dataclass(frozen=True)
class SiteRow:
    """One sample site of a pair.

    Attributes:
        name: Pyro's name.
        model: The distribution in the model; "" where the model lacks it.
        guide: That in the guide likewise.
        batch_shape: Of the model's distribution, else of the guide's.
        event_shape: Likewise.
        plates: Sizes of its plates by name; -1 where a plate states none.
        scale: What Pyro multiplies its log-density by, in model and guide.
        observed: Whether it is data.
        reparameterised: Whether gradients flow through its draws; None where it is not drawn.
        enumerated: Whether it is marked for Pyro's enumeration.
        kl: "closed form", or "sampled: " and why; "" where it has no KL.
        lines: Where it stands, in model and guide.
    """

    name: str
    model: str
    guide: str
    batch_shape: tuple[int, ...]
    event_shape: tuple[int, ...]
    plates: Mapping[str, int]
    scale: tuple[str, str]
    observed: bool
    reparameterised: bool | None
    enumerated: bool
    kl: str
    lines: tuple[SourceLine | None, SourceLine | None]

    def cells(self) -> tuple[str, ...]:
        """One row of the table, in the order of `HEAD`."""
        dims = [" ".join(map(str, shape)) for shape in (self.batch_shape, self.event_shape)]
        plates = ", ".join(f"{n} {s if s >= 0 else 'of no size'}" for n, s in self.plates.items())
        scales = [s for s in self.scale if s]
        scale = scales[0] if len(set(scales)) == 1 else " and ".join(scales)
        return (
            self.name, self.model or "-", self.guide or "-", f"[{dims[0]} | {dims[1]}]",
            plates or "-", scale, self.role,
        )  # fmt: skip

    @property
    def role(self) -> str:
        """How it is treated, in words."""
        if self.observed:
            return "observed"
        words = ["enumerated"] if self.enumerated else []
        if self.reparameterised is not None:
            words.append("reparameterised" if self.reparameterised else "not reparameterised")
        if self.kl:
            words.append("KL in closed form" if self.kl == "closed form" else "KL sampled")
        return ", ".join(words)


HEAD = ("site", "model", "guide", "[batch | event]", "plates", "scale", "treated as")


def site_rows(seen: Inspection, routes: Mapping[str, str]) -> tuple[SiteRow, ...]:
    """The sites of a pair in the order of the model, then those of the guide alone."""
    run = seen.run if seen.as_is.failed else seen.as_is
    of_model, of_guide = run.sites("model"), run.sites("guide")
    names = dict.fromkeys([*of_model, *of_guide])
    return tuple(
        _row(seen, name, of_model.get(name), of_guide.get(name), routes.get(name, ""))
        for name in names
    )


def _row(seen: Inspection, name: str, model: Node | None, guide: Node | None, kl: str) -> SiteRow:
    first: Any = model if model is not None else guide
    drawn = guide if guide is not None else model
    observed = bool(first["is_observed"])
    marked = [(n["infer"] or {}).get("enumerate") for n in (model, guide) if n is not None]
    return SiteRow(
        name=name,
        model=kind_of(model["fn"]) if model is not None else "",
        guide=kind_of(guide["fn"]) if guide is not None else "",
        batch_shape=tuple(first["fn"].batch_shape),
        event_shape=tuple(first["fn"].event_shape),
        plates={f.name: f.size for f in first["cond_indep_stack"]},
        scale=tuple(show(n["scale"]) if n is not None else "" for n in (model, guide)),  # type: ignore[arg-type]
        observed=observed and not is_factor(first),
        reparameterised=None if observed or drawn is None else bool(drawn["fn"].has_rsample),
        enumerated=any(mark is not None for mark in marked),
        kl=kl,
        lines=(seen.line("model", name), seen.line("guide", name)),
    )

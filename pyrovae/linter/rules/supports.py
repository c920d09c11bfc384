"""Data and draws outside of the support of a distribution."""

from collections.abc import Iterator

from ..inspection import Inspection, kind_of
from ..problem import Problem
from ..supports import (
    _EVERYWHERE,
    base_constraint,
    holds,
    in_words,
    integers_of,
    is_positive,
    is_wider,
    outside_of,
    support_of,
)
from .base import Rule
from .bernoulli import is_grey


class OutOfSupport(Rule):
    code, severity = "PV303", "fault"
    title = "data are outside of the support of their likelihood"
    remedy = "choose a likelihood for these data, or transform them"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, node in seen.observed.items():
            outside = outside_of(node)
            if outside is None or is_grey(node):
                continue
            if bool(node["value"].isnan().any()):
                continue  # another rule tells of it
            yield self.problem(
                f"the data hold {outside}, and {kind_of(node['fn'])} takes "
                f"{in_words(node['fn'].support)}",
                name,
                seen.line("model", name),
            )


class SupportsDiffer(Rule):
    code, severity = "PV305", "fault"
    title = "the guide draws values that the prior excludes"
    remedy = (
        "let the guide draw inside the support of the prior: LogNormal or Gamma for positive "
        "values, Beta for values in (0, 1), or transform a normal"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, model) in seen.latents.items():
            limit = support_of(model["fn"])
            if limit is None:
                continue
            inner = support_of(guide["fn"])
            draws = [node["value"] for node in (guide,)]
            other = seen.reseeded.sites("guide").get(name) if not seen.reseeded.failed else None
            if other is not None:
                draws.append(other["value"])
            outside = any(
                not bool(holds(limit, value).all()) and not bool(value.isnan().any())
                for value in draws
            )
            is_point = kind_of(guide["fn"]) == "Delta"
            wider = inner is not None and not is_point and is_wider(inner, limit)
            if not (outside or wider):
                continue
            line = seen.line("guide", name)
            changed = None
            if line and kind_of(guide["fn"]) == "Normal" and is_positive(limit):
                changed = line.replaced("dist.Normal(", "dist.LogNormal(")
            drawn = "is outside of what" if is_point else f"draws {in_words(inner)}, and"
            yield self.problem(
                f"the guide's {kind_of(guide['fn'])} {drawn} the prior's "
                f"{kind_of(model['fn'])} takes: {in_words(limit)}",
                name,
                line,
                changed_line=changed,
            )


class NarrowGuide(Rule):
    code = "PV306"
    title = "the guide cannot reach values that the prior allows"
    remedy = "take a guide with the support of the prior, so that it can cover the posterior"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, model) in seen.latents.items():
            limit, inner = support_of(model["fn"]), support_of(guide["fn"])
            if limit is None or inner is None or kind_of(guide["fn"]) == "Delta":
                continue
            whole = integers_of(limit) is not None and bool(guide["fn"].support.is_discrete)
            if (whole or base_constraint(limit) in _EVERYWHERE) and is_wider(limit, inner):
                yield self.problem(
                    f"the guide's {kind_of(guide['fn'])} draws {in_words(inner)}, and the prior's "
                    f"{kind_of(model['fn'])} has mass elsewhere; bounds stay bounds, and do not "
                    "reach log p(x)",
                    name,
                    seen.line("guide", name),
                )

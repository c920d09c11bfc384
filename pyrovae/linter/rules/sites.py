"""Sites of model and guide that do not fit together."""

from collections.abc import Iterator

from ...errors import PyrovaeError, first_line
from ...particles.match import check_observed, check_shapes
from ..inspection import Inspection, is_factor
from ..problem import Problem
from .base import Rule, listed


class GuideLacks(Rule):
    code, severity = "PV201", "fault"
    title = "the model samples a latent that the guide does not"
    remedy = "sample it in the guide too, or observe it in the model with obs="
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        drawn = seen.run.sites("guide")
        if seen.run.failed == "guide":
            return
        for name, node in seen.run.sites("model").items():
            marked = (node["infer"] or {}).get("enumerate") is not None
            if node["is_observed"] or name in drawn:
                continue
            near = [n for n in drawn if n not in seen.run.sites("model")]
            hint = f"; the guide has '{near[0]}' that the model lacks" if near else ""
            yield self.problem(
                f"the model samples it and the guide does not{hint}",
                name,
                seen.line("model", name),
                severity="information" if marked else None,
                remedy="pyro.infer.TraceEnum_ELBO sums over it; for the objectives here sample it "
                "in the guide" if marked else None,
            )  # fmt: skip


class ModelLacks(Rule):
    code, severity = "PV202", "fault"
    title = "the guide samples a latent that the model does not"
    remedy = "sample it in the model too, or mark it infer={'is_auxiliary': True} in the guide"
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        of_model = seen.run.sites("model")
        if seen.run.failed and len(of_model) == 0:
            return
        for name, node in seen.run.sites("guide").items():
            infer = node["infer"] or {}
            if node["is_observed"] or infer.get("is_auxiliary") or is_factor(node):
                continue
            partner = of_model.get(name)
            if partner is not None and partner["is_observed"]:
                yield self.problem(
                    "the guide samples it, and the model observes it",
                    name,
                    seen.line("guide", name),
                    remedy="leave out obs= in the model, or the site in the guide",
                )
                continue
            elif partner is None and not seen.run.failed:
                what = "the guide samples it, and the model does not"
            else:
                continue
            yield self.problem(what, name, seen.line("guide", name))


class GuideObserves(Rule):
    code, severity = "PV203", "fault"
    title = "the guide observes a site of the model"
    remedy = "observe it in the model only; the guide takes the data as arguments"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, node in seen.run.sites("guide").items():
            if node["is_observed"] and name in seen.run.sites("model"):
                line = seen.line("guide", name)
                yield self.problem(
                    "the guide observes it, so that its density would cancel out", name, line
                )


class NothingObserved(Rule):
    code, severity = "PV204", "fault"
    title = "the model observes nothing, so the data are never scored"
    remedy = "pass the data: pyro.sample('x', ..., obs=x)"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        sites = seen.run.sites("model")
        if any(node["is_observed"] for node in sites.values()):
            return
        if not sites:
            yield self.problem("the model has no sample site at all")
            return
        last = list(sites)[-1]
        line = seen.line("model", last)
        changed = line.replaced("obs=None", "obs=x") if line else None
        theirs = [n for n, node in seen.run.sites("guide").items() if node["is_observed"]]
        yield self.problem(
            f"no site of the model has obs=; its last one is '{last}'",
            last,
            line,
            remedy=f"exchange model and guide: the guide has obs=, at '{theirs[0]}'"
            if theirs
            else self.remedy,
            changed_line=changed,
        )


class ShapesDiffer(Rule):
    code, severity = "PV205", "fault"
    needs_run = False
    title = "a latent has another shape in the guide than in the model"
    remedy = "give both the same size, the same `.to_event(n)` and the same plates"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, (guide, model) in seen.latents.items():
            try:
                check_shapes(name, model["fn"], guide["fn"], None)
            except PyrovaeError:
                shapes = [
                    f"[{list(n['fn'].batch_shape)} | {list(n['fn'].event_shape)}]"
                    for n in (model, guide)
                ]
                yield self.problem(
                    f"it has the shape {shapes[0]} (batch | event) in the model and {shapes[1]} "
                    "in the guide, and a log-density would be broadcast",
                    name,
                    seen.line("guide", name),
                )


class ObservedBroadcast(Rule):
    code, severity = "PV206", "fault"
    title = "observed data are broadcast to the shape of their likelihood"
    remedy = "give data and decoder output the same shape"

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for name, node in seen.observed.items():
            fn, value = node["fn"], node["value"]
            try:
                check_observed(name, node)
                given = list(value.shape)
                whole = list(fn.shape())
                if len(given) <= len(whole) and all(
                    a == b or b == 1 for a, b in zip(given[::-1], whole[::-1], strict=False)
                ):
                    continue
                why = f"its data have the shape {given}, and its distribution {whole}"
            except PyrovaeError as error:
                why = first_line(error).partition("', ")[2] or first_line(error)
                why = why.partition(";")[0]
                why = (
                    f"the likelihood has the event shape {list(fn.event_shape)}, and the data "
                    f"have {list(value.shape)}"
                )
            yield self.problem(why, name, seen.line("model", name))


class SitesDiffer(Rule):
    code, severity = "PV207", "fault"
    title = "another run visits other sites"
    remedy = (
        "let every run visit the same sites; mask a part (`poutine.mask`, `.mask`) instead of "
        "leaving it out"
    )

    def find(self, seen: Inspection) -> Iterator[Problem]:
        others = (seen.another(seed=seed, gradients=False) for seed in (2, 3))
        for run in (seen.again, seen.reseeded, *others):
            for side in ("guide", "model"):
                here, there = seen.run.sites(side), run.sites(side)
                if run.failed or here.keys() == there.keys():
                    continue
                names = [n for n in {**here, **there} if (n in here) != (n in there)]
                line = seen.line(side, names[0]) or run.lines.get((side, names[0]))
                yield self.problem(
                    f"{listed(names)} of the {side} are visited in one run and not in another",
                    names[0],
                    line,
                )
                return

"""The pair does not run."""

import re
from collections.abc import Iterator

from ...errors import first_line
from ...particles.handlers import Program
from ..inspection import Inspection
from ..problem import Problem
from ..source import defined_at, first_cause, line_of
from .base import Rule

_PLATE = re.compile(
    r"Shape mismatch inside plate\('(?P<plate>[^']*)'\) at site (?P<site>\S+) dim (?P<dim>-?\d+), "
    r"(?P<size>\d+) vs (?P<found>\d+)"
)
_MISSED = re.compile(r"site (?P<site>\S+) must be sampled in trace")
_CALL = re.compile(r"(missing \d+ required|takes .* positional arguments? but|unexpected keyword)")


class Crash(Rule):
    code, severity = "PV001", "fault"
    title = "the model or the guide raises an error"
    remedy = "correct the line"
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        for run, mode in ((seen.run, "evaluation"), (seen.as_is, "training")):
            error = run.error
            if error is None:
                continue
            missed = _MISSED.search(str(error))
            if missed is not None and run.failed == "model":
                yield self._no_draw(seen, missed["site"])
            elif not is_known(error):
                cause = first_cause(error)
                when = f" in {mode} mode" if seen.as_is is not seen.run else ""
                yield self.problem(
                    f"the {run.failed} raises {type(cause).__name__}{when}: "
                    f"{first_line(cause)[:300]}",
                    line=line_of(error),
                )
            return

    def _no_draw(self, seen: Inspection, name: str) -> Problem:
        observed = seen.run.guide.nodes.get(name, {}).get("is_observed", False)
        return self.problem(
            f"the guide {'observes it with obs=' if observed else 'has no draw under its name'}, "
            "and the model samples it",
            name,
            seen.line("guide", name),
            remedy="leave out obs= in the guide: it draws the latents, and the model observes "
            "the data"
            if observed
            else "let the guide draw it by `pyro.sample`, under the same name",
        )


class WrongPlateSize(Rule):
    code, severity = "PV002", "fault"
    title = "a site does not have the size of its plate, as where `.to_event` is missing"
    remedy = (
        "declare the dims of one datum with `.to_event(n)`, so that only the dims of plates are "
        "left in the batch shape"
    )
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        error = seen.run.error
        found = _PLATE.search(str(error)) if error is not None else None
        if error is None or found is None:
            return
        line = line_of(error)
        if int(found["found"]) == seen.num_rows:
            yield self.problem(
                f"the {seen.run.failed} draws it for each of the {seen.num_rows} rows of the "
                f"batch in plate '{found['plate']}', whose size is {found['size']}",
                found["site"],
                line,
                remedy=f"give the plate the rows of the batch: `pyro.plate('{found['plate']}', "
                f"len(x))`, or `pyro.plate('{found['plate']}', {found['size']}, "
                "subsample_size=len(x))`, which scales the bound to all data, in model and guide",
            )
            return
        changed = with_event(line.text) if line is not None else None
        yield self.problem(
            f"the {seen.run.failed} draws it in plate '{found['plate']}', which holds "
            f"{found['size']} data, and its batch shape has {found['found']} entries at dim "
            f"{found['dim']}",
            found["site"],
            line,
            changed_line=changed,
        )


class WrongCall(Rule):
    code, severity = "PV003", "fault"
    title = "model and guide do not take the arguments that the batch has"
    remedy = (
        "let model and guide take the same arguments, those of the batch; where the data hold "
        "more than the pair takes, such as labels, choose by columns=0"
    )
    needs_run = False

    def find(self, seen: Inspection) -> Iterator[Problem]:
        error = seen.run.error
        if error is None or not is_call(error, seen.model, seen.guide):
            return
        yield self.problem(
            f"the {seen.run.failed} is called with {len(seen.args)} arguments, and "
            f"{first_line(error)}",
            line=defined_at(seen.model if seen.run.failed == "model" else seen.guide),
        )


def with_event(text: str) -> str | None:
    """A line of a sample statement, with one event dim more."""
    declared = re.findall(r"\.to_event\((\d+)\)", text)
    if declared:
        more = f".to_event({int(declared[0]) + 1})"
        return text.replace(f".to_event({declared[0]})", more) if len(declared) == 1 else None
    start = text.find("dist.")
    if start < 0:
        return None
    depth = 0
    for place in range(start, len(text)):
        if text[place] == "(":
            depth += 1
        elif text[place] == ")":
            depth -= 1
            if depth == 0:
                return f"{text[: place + 1]}.to_event(1){text[place + 1 :]}"
    return None


def is_call(error: BaseException, *programs: Program) -> bool:
    """Whether a program refused the number of its arguments."""
    names = [getattr(getattr(p, "forward", p), "__name__", "?") for p in programs]
    text = str(error)
    return (
        isinstance(error, TypeError)
        and _CALL.search(text) is not None
        and any(f"{name}()" in text for name in names)
    )


def is_known(error: BaseException) -> bool:
    """Whether another rule tells of an error."""
    text = str(error)
    words = ("declares two tensors as parameter", "the model samples '", "of one would never")
    return (
        _PLATE.search(text) is not None
        or (isinstance(error, TypeError) and _CALL.search(text) is not None)
        or any(word in text for word in words)
    )

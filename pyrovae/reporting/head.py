"""The head of a page: its title, the numbers that matter, a verdict in a sentence or two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..evaluate import Evidence
from .finite_history import is_finite
from .section import Finding
from .subject import Subject

_ORDER = ("fault", "warning", "fine")
_NEAR = 0.1  # nats


@dataclass(frozen=True)
class Number:
    """A number to read first: its name, value, standard error and unit as text."""

    name: str
    value: str
    error: str = ""
    unit: str = ""


@dataclass(frozen=True)
class Head:
    """What stands at the top of a page."""

    title: str
    verdict: Sequence[Finding]
    numbers: Sequence[Number]
    numbers_of: str = ""


def head_of(subjects: Sequence[Subject]) -> Head:
    """The head of a page on these runs."""
    if len(subjects) == 1:
        only = subjects[0]
        return Head(only.name, _verdict(only), _numbers(only))
    measured = [each for each in subjects if is_finite(each.facts.get("nll"))]
    if not measured:
        return Head(f"{len(subjects)} runs", [], [])
    best, *others = sorted(measured, key=lambda each: each.facts["nll"])
    sentence = f"{best.name} has the lowest negative log-likelihood"
    if others:
        sentence += f", {_lead(best, others[0])} below that of {others[0].name}"
    findings = [Finding("fine", f"{sentence}.")]
    return Head(f"{len(subjects)} runs", findings, _numbers(best), f"of {best.name}")


def _lead(best: Subject, second: Subject) -> str:
    """By how much, with the standard error of the difference where both saw the same data."""
    gap = second.facts["nll"] - best.facts["nll"]
    a, b = best.evidence, second.evidence
    same = best.about.get("test data") == second.about.get("test data")
    if a is None or b is None or not same or len(a.log_px) != len(b.log_px) or len(a.log_px) < 2:
        return f"{gap:.2f} nats"
    error = float((a.log_px - b.log_px).std()) / math.sqrt(len(a.log_px))
    return f"{gap:.2f} ± {error:.2f} nats (datum by datum)"


def _verdict(subject: Subject) -> list[Finding]:
    """What the evidence says of itself, and the worst of the diagnosis."""
    found = []
    if subject.evidence is not None:
        found.append(_trust(subject.evidence))
    if subject.diagnosis is not None and subject.diagnosis.verdicts:
        verdicts = sorted(subject.diagnosis.verdicts, key=lambda v: _ORDER.index(v.severity))
        worst = [v for v in verdicts if v.severity != "fine"] or verdicts[:1]
        found += [Finding(v.severity, _as_sentence(v.sentence)) for v in worst[:3]]
    elif "why_no_evidence" in subject.facts:
        found.append(Finding("warning", _as_sentence(str(subject.facts["why_no_evidence"]))))
    return found


def _trust(evidence: Evidence) -> Finding:
    """Whether log p(x) is near, in the words of the evidence."""
    is_near = evidence.within < _NEAR
    return Finding("fine" if is_near else "warning", _as_sentence(f"log p(x): {evidence.verdict}"))


def _numbers(subject: Subject) -> list[Number]:
    """Up to three numbers: of the measurements, else of the training."""
    facts, found = subject.facts, []
    if is_finite(facts.get("nll")):
        error = facts.get("nll_standard_error")
        found.append(
            Number("negative log-likelihood", f"{facts['nll']:.2f}",
                   f"± {error:.2f}" if is_finite(error) else "", "nats per datum")
        )  # fmt: skip
    elif is_finite(facts.get("reconstruction")):
        value = f"{facts['reconstruction']:.2f}"
        found.append(Number("reconstruction E log p(x|z)", value, "", "nats per datum"))
    if is_finite(facts.get("bits_per_dim")):
        found.append(Number("bits per dimension", f"{facts['bits_per_dim']:.4f}"))
    elif is_finite(facts.get("perplexity")):
        found.append(Number("perplexity", f"{facts['perplexity']:.2f}"))
    if is_finite(facts.get("active_units")) and is_finite(facts.get("latent_units")):
        of = f"of {facts['latent_units']:g}"
        found.append(Number("active latent units", f"{facts['active_units']:g}", of))
    if not found and subject.history:
        last = subject.history[-1]
        best = [e["val"] for e in subject.history if e.get("val") is not None]
        where = "best bound, validation data" if best else "last bound, training data"
        value = max(best) if best else last["train"]
        seconds = sum(entry.get("seconds") or 0.0 for entry in subject.history)
        found = [
            Number(where, f"{value:.2f}", "", "nats per datum"),
            Number("epochs", str(len(subject.history))),
            Number("training time", f"{seconds / 60:.1f}", "", "minutes"),
        ]
    return found


def _as_sentence(text: str) -> str:
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."

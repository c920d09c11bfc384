"""The diagnosis, in words with remedies."""

from collections.abc import Sequence

from ..section import Finding, Part, Section, section
from ..subject import Subject


def diagnosis(subjects: Sequence[Subject]) -> Section | None:
    """Per run: what is at fault, what may be, what is fine, and what to do."""
    return section("diagnosis", "Diagnosis", [_part(each, len(subjects)) for each in subjects])


def _part(subject: Subject, count: int) -> Part | None:
    if subject.diagnosis is None:
        return None
    findings = [
        Finding(
            verdict.severity,
            verdict.sentence,
            [(r.sentence, [code for code in (r.command, r.python) if code])
             for r in verdict.remedies],
        )
        for verdict in subject.diagnosis.verdicts
    ]  # fmt: skip
    if not findings:
        return None
    return Part(subject.name if count > 1 else "", findings=findings)

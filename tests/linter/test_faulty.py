"""Each faulty pair gives its finding, and the remedy silences it."""

import pytest

from pyrovae.linter import RULES, check
from tests.linter.faulty import CASES


def _found(parts):
    model, guide, *args = parts
    return check(model, guide, *args, objectives=False, capture=False)


@pytest.mark.parametrize("name", CASES)
def test_is_found(name):
    case = CASES[name]
    found = _found(case.make(False))
    mine = [p for p in found.problems if p.code == case.code]
    assert mine, f"found {found.codes} instead: {found}"
    problem = mine[0]
    assert problem.severity == case.severity
    assert (problem.site or "") == case.site
    assert case.line in (problem.line.text if problem.line else "")
    assert case.changed in (problem.changed_line or "")
    assert problem.sentence and problem.remedy
    assert "PV900" not in found.codes


@pytest.mark.parametrize("name", CASES)
def test_the_remedy_silences_it(name):
    case = CASES[name]
    found = _found(case.make(True))
    assert case.code not in found.codes, str(found)
    assert not found.faults, str(found)


def test_every_rule_has_a_case():
    assert {rule.code for rule in RULES} == {case.code for case in CASES.values()}


def test_codes_are_unique():
    codes = [rule.code for rule in RULES]
    assert len(set(codes)) == len(codes)

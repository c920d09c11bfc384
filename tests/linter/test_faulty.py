"""Each faulty pair gives its finding, and the remedy silences it."""

import pyro.distributions as dist
import pytest
import torch

from pyrovae.linter import RULES, check
from pyrovae.linter.supports import outside_of
from tests.linter.faulty import CASES
from tests.linter.faulty.case import X, sound_guide, sound_model


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


@pytest.mark.parametrize(
    ("name", "sentence", "remedy"),
    [
        ("guide_observes_the_latent", "the guide observes it with obs=", "leave out obs= in"),
        ("plate_of_all_data", "for each of the 12 rows of the batch in plate", "len(x))`, or"),
        ("tensor_never_declared", "a tensor of shape []", "pyro.param('scale'"),
        ("module_never_declared", "the network Sequential", "pyro.module("),
        ("no_to_event", "and its batch shape has 6 entries", ".to_event(n)"),
        ("negative_counts", "the data hold -", "choose a likelihood"),
    ],
)
def test_says_what_is_wrong_and_what_helps(name, sentence, remedy):
    case = CASES[name]
    problem = next(p for p in _found(case.make(False)).problems if p.code == case.code)
    assert sentence in problem.sentence and remedy in problem.remedy


def test_data_outside_of_a_support_are_shown():
    for made, values, said in (
        (dist.Bernoulli(torch.full((2, 3), 0.5)).to_event(1), [[0, 1, 1], [0, 1.5, 1]], "1.5"),
        (dist.Dirichlet(torch.ones(2, 3)), [[0.5, 0.5, 0], [0.2, 0.3, 0.1]], "[0.2, 0.3, 0.1]"),
    ):
        node = {"fn": made, "value": torch.tensor(values), "mask": None}
        assert said in outside_of(node)


def test_model_and_guide_in_the_wrong_order():
    found = check(sound_guide(), sound_model(), X, objectives=False, capture=False)
    (problem,) = (p for p in found.problems if p.code == "PV204")
    assert problem.remedy == "exchange model and guide: the guide has obs=, at 'x'"

"""How findings are counted, ignored, printed and written."""

import json

from pyrovae import check
from pyrovae.linter import RULES, Problem, all_codes, codes_table
from pyrovae.linter.source import SourceLine

from .faulty import CASES
from .faulty.case import X, sound_guide, sound_model


def _check(name, **options):
    model, guide, *args = CASES[name].make(False)
    return check(model, guide, *args, objectives=False, capture=False, **options)


def test_codes_and_families_are_ignored():
    assert _check("annealed_on_one_side").codes == ("PV215",)
    for ignore in (("PV215",), ("PV2",), {"PV1", "PV215"}):
        found = _check("annealed_on_one_side", ignore=ignore)
        assert found.problems == () and found.ignored == 1
        assert found.verdict == "nothing found; 1 ignored"


def test_faults_come_first():
    order = ["fault", "warning", "information"]
    for name in ("nothing_trains", "negative_scale"):
        found = [order.index(p.severity) for p in _check(name).problems]
        assert found == sorted(found)


def test_printed():
    text = str(_check("scale_without_constraint"))
    assert "PV111 warning at 'sigma', parameters.py:" in text
    assert '    - sigma = pyro.param("sigma", torch.ones(DATA))' in text
    assert "    + sigma = " in text and text.endswith("1 warning")
    assert text.splitlines()[0].split() == [
        "site", "model", "guide", "[batch", "|", "event]", "plates", "scale", "treated", "as",
    ]  # fmt: skip
    assert max(map(len, text.splitlines())) < 120


def test_written(tmp_path):
    found = _check("grey_under_bernoulli")
    found.to_json(tmp_path / "found.json")
    read = json.loads((tmp_path / "found.json").read_text())
    assert [p["code"] for p in read["problems"]] == ["PV304"]
    assert [s["name"] for s in read["sites"]] == ["z", "x"]
    assert "pre-wrap" in found._repr_html_() and "&#x27;x&#x27;" in found._repr_html_()


def test_every_code_is_in_the_table():
    table = codes_table()
    assert all(rule.code in table and rule.title in table for rule in RULES)
    assert [code for code, *_ in all_codes()] == sorted(rule.code for rule in RULES)


def test_a_changed_line():
    line = SourceLine("/a/mine.py", 7, "x = f(a)")
    assert (line.place, line.replaced("f(", "g(")) == ("mine.py:7", "x = g(a)")
    assert line.replaced("a", "b") == "x = f(b)" and line.replaced("q", "r") is None
    problem = Problem("PV000", "fault", "z", "It is so.", "Do that.", "x = g(a)", line)
    assert str(problem).splitlines()[-2:] == ["    - x = f(a)", "    + x = g(a)"]


def test_a_pair_as_one_object():
    class Pair:
        model, guide = staticmethod(sound_model()), staticmethod(sound_guide())

    assert check(Pair(), X, objectives=False, capture=False).is_sound

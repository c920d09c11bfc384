"""`pyrovae report` on the files of a stranger: a page or a sentence, never a traceback."""

import json
import os

import pytest

from pyrovae.cli.kept_json import read_json
from pyrovae.cli.kept_results import kept_results
from pyrovae.errors import ConfigError
from pyrovae.reporting import Report, Subject, Use, to_html

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    "nll", ["<b>", 10**400, float("nan"), True, None, [1]], ids=lambda value: type(value).__name__
)
def test_facts_that_are_no_numbers(nll):
    facts = {"nll": nll, "reconstruction": nll, "bits_per_dim": nll}
    pictures = {"samples": PNG, "reconstructions": PNG}
    one, other = (Report((), facts, Subject(name=n, pictures=pictures)) for n in "ab")
    assert "<html" in to_html([one]) and "<html" in to_html([one, other])


@pytest.mark.parametrize("letter", ["\ud800", "\x00", "\x1b", "\uffff"])
def test_letters_that_no_page_may_hold(letter):
    told = {"data": f"a{letter}b", f"c{letter}": "d"}
    use = Use("complete", numbers={f"e{letter}": [letter]})
    subject = Subject(name=letter, about=told, command=letter, uses=(use,), remarks=(letter,))
    page = to_html([Report((), {}, subject)])
    page.encode()
    assert letter not in page and "\ufffd" in page


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "samples.png")
    os.mkfifo(tmp_path / "compare.json")
    (tmp_path / "report.json").write_text(json.dumps({"nll": 1.0}))
    kept = kept_results(tmp_path)
    assert kept.facts == {"nll": 1.0} and not kept.pictures and len(kept.remarks) == 2
    with pytest.raises(ConfigError, match="is no file"):
        read_json(tmp_path / "compare.json")

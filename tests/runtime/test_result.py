"""What every result offers: text, HTML, frame, CSV, JSON, LaTeX."""

import json
import math
from dataclasses import dataclass

import pytest

from pyrovae import Result
from pyrovae.errors import ConfigError


@dataclass(frozen=True)
class Weighed(Result):
    def cells(self):
        return [["what", "nats & <bits>"], ["a_1", "1.5"], ["b", "-"]]

    def numbers(self):
        return {"a": 1.5, "b": [math.nan, {"c": math.inf}]}

    def notes(self):
        return ["one < two"]


def test_prints_aligned_columns_and_notes_below():
    assert str(Weighed()).splitlines() == [
        "what  nats & <bits>",
        "a_1             1.5",
        "b                 -",
        "one < two",
    ]


def test_html_escapes_what_a_browser_would_read_as_markup():
    html = Weighed()._repr_html_()
    assert '<th scope="col" style="text-align:right">nats &amp; &lt;bits&gt;</th>' in html
    assert '<th scope="row" style="text-align:left">a_1</th>' in html
    assert ">one &lt; two</p>" in html


def test_files(tmp_path):
    Weighed().to_csv(tmp_path / "new" / "t.csv")
    assert (tmp_path / "new" / "t.csv").read_text().splitlines()[1] == "a_1,1.5"
    Weighed().to_json(tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text()) == {"a": 1.5, "b": [None, {"c": None}]}
    text = Weighed().to_latex(tmp_path / "t.tex")
    assert r"a\_1 & 1.5 \\" in text and r"nats \& \textless{}bits\textgreater{}" in text
    assert (tmp_path / "t.tex").read_text() == text


def test_a_frame_and_what_to_do_without_pandas(monkeypatch):
    assert list(Weighed().to_frame().columns) == ["what", "nats & <bits>"]
    monkeypatch.setattr("pyrovae.runtime.result.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install pandas"):
        Weighed().to_frame()

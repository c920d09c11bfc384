"""Figures in columns, in CSV and in JSON, those that do not exist included."""

import csv
import json
import math

import pytest

from pyrovae.evaluate.comparison.table import Table, figure
from pyrovae.runtime.markup import aligned

ROWS = [
    {"name": "a, b", "x": 0.1, "n": 3, "ok": True},
    {"name": "c", "x": math.nan, "n": 4, "late": math.inf},
]


class Rows(Table):
    def cells(self):
        return [["name"], *([row["name"]] for row in self.rows)]


def test_columns_have_one_width_each():
    text = aligned([["name", "x"], ["a", "1.25"], ["longer", "-"]])
    assert text == "name       x\na       1.25\nlonger     -"
    assert aligned([["only"]]) == "only"


@pytest.mark.parametrize(
    ("value", "pattern", "text"),
    [
        (1234.5, ".3g", "1.23e+03"),
        (0.5, ".2f", "0.50"),
        (-math.inf, ".2f", "-inf"),
        (math.nan, ".2f", "-"),
        (None, ".2f", "-"),
        (4, "g", "4"),
    ],
)
def test_figures(value, pattern, text):
    assert figure(value, pattern) == text


def test_csv_keeps_every_digit_and_every_column(tmp_path):
    Rows(ROWS, {}).to_csv(tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", "x", "n", "ok", "late"]
    assert rows[0]["name"] == "a, b" and float(rows[0]["x"]) == 0.1 and rows[0]["late"] == ""
    assert rows[1]["ok"] == "" and float(rows[1]["late"]) == math.inf


def test_json_has_null_for_what_is_no_number(tmp_path):
    facts = {"seed": 0, "list": (1.0, math.nan), "deep": {"x": -math.inf}}
    Rows(ROWS, facts).to_json(tmp_path / "t.json")
    content = json.loads((tmp_path / "t.json").read_text())
    assert content["list"] == [1.0, None] and content["deep"] == {"x": None}
    assert content["rows"][1] == {"name": "c", "x": None, "n": 4, "late": None}
    assert content["rows"][0]["ok"] is True


def test_without_words_of_its_own_a_table_prints_its_figures():
    head, first, second = map(str.split, str(Table(ROWS, {})).splitlines())
    assert head == ["name", "x", "n", "ok", "late"]
    assert first == ["a,", "b", "0.1", "3", "True", "-"] and second == ["c", "-", "4", "-", "inf"]

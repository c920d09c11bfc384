"""What every result keeps: it prints, shows in a notebook, becomes a frame, files, a picture."""

import copy
import csv
import io
import json
import pickle
import sys
from html.parser import HTMLParser

PLAIN = (int, float, str, bool, list, type(None))


class Balanced(HTMLParser):
    """Collects the cells of rows, and fails on a tag that is closed in the wrong place."""

    def __init__(self):
        super().__init__()
        self.open, self.rows, self.scopes = [], [], 0

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            return
        self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        if tag in ("th", "td"):
            self.rows[-1] += 1
            self.scopes += "scope" in dict(attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag


def check_result(found, *, draws=True):
    """Fail where a result breaks the contract.

    Args:
        found: The result.
        draws: Whether it has a picture.
    """
    check_text(found)
    check_html(found)
    check_rows(found)
    check_json(found)
    check_latex(found)
    check_picture(found, draws)
    check_copies(found)


def check_text(found):
    text = str(found)
    assert repr(found) == text and "tensor(" not in text and "<pyrovae" not in text
    assert max(map(len, text.splitlines())) < 200


def check_html(found):
    page = Balanced()
    page.feed(found._repr_html_())
    assert page.open == [] and page.rows and page.scopes
    assert "color" not in found._repr_html_()  # those of the page around it, light or dark


def check_rows(found):
    records = found.records()
    assert records and all(type(v) in PLAIN for row in records for v in row.values()), records
    assert any(isinstance(v, int | float) for row in records for v in row.values())
    frame = found.to_frame()
    assert len(frame) == len(records)
    read = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert len(read) == len(records)
    for row, own in zip(read, records, strict=True):
        for name, value in own.items():
            if isinstance(value, float):
                assert float(row[name]) == value or value != value
            elif value is not None:
                assert row[name] == str(value)


def check_json(found):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    read = json.loads(found.to_json(), parse_constant=refuse)
    assert isinstance(read, dict) and read


def check_latex(found):
    text = found.to_latex(caption="A table.", label="tab:one")
    assert text.startswith(r"\begin{table}") and text.endswith("\\end{table}\n")
    assert r"\caption{A table.}" in text and r"\label{tab:one}" in text and "+-" not in _body(text)
    for section in found.sections():
        assert r"\begin{tabular}{" in text
        width = len(section.cells[0])
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        assert any(line.replace(r"\&", "").count("&") == width - 1 for line in rows)


def _body(text):
    return "\n".join(line for line in text.splitlines() if not line.startswith("%"))


def check_picture(found, draws):
    figure = found.plot()
    assert (figure is not None) == draws
    if figure is not None:
        from matplotlib.figure import Figure

        assert isinstance(figure, Figure)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=40)
        assert file.getvalue().startswith(b"\x89PNG")
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()  # nothing is shown by itself


def check_copies(found):
    others = [copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))]
    for other in others:
        assert type(other) is type(found) and str(other) == str(found)
        assert other.to_json() == found.to_json()
    part = found.marked("interrupted: 3 of 4 data")
    assert str(part).splitlines()[-1] == "interrupted: 3 of 4 data" and not found.interrupted
    assert "interrupted: 3 of 4 data" in part._repr_html_()
    assert json.loads(part.to_json())["interrupted"] == "interrupted: 3 of 4 data"
    assert part.to_frame().attrs == {"interrupted": "interrupted: 3 of 4 data"}
    assert pickle.loads(pickle.dumps(part)).interrupted == part.interrupted

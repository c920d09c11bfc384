"""Tables as text, HTML and LaTeX."""

from pyrovae.runtime.markup import Section, aligned, as_html, as_latex, as_text

CELLS = [["name", "value", "remark"], ["a", "-1.50 +- 0.20", "fine"], ["b_1", "2.5e-03", ""]]


def test_numbers_stand_right_and_texts_left():
    assert aligned(CELLS).splitlines() == [
        "name          value  remark",
        "a     -1.50 +- 0.20  fine",
        "b_1         2.5e-03",
    ]
    html = as_html([Section(CELLS)])
    assert '<td style="text-align:right">2.5e-03</td>' in html
    assert '<td style="text-align:left">fine</td>' in html


def test_latex_has_maths_for_signs_and_powers():
    text = as_latex([Section(CELLS, "above & beyond", ["below"])])
    assert r"\begin{tabular}{lrl}" in text and text.startswith("% above & beyond\n")
    assert r"a & $-$1.50 $\pm$ 0.20 & fine \\" in text
    assert r"b\_1 & 2.5$\times 10^{-3}$ &  \\" in text and text.endswith("% below\n")
    assert as_latex([Section([["x-1"], ["a - b"]])]).count("$") == 0  # no signs of numbers


def test_sections_stand_apart():
    sections = [Section([["a"], ["1"]], "first"), Section([["b"], ["2"]], notes=["note"])]
    assert as_text(sections) == "first\na\n1\n\nb\n2\nnote"
    assert as_html(sections).count("<table") == 2 and as_latex(sections).count("toprule") == 2


def test_a_table_without_rows():
    assert aligned([["a", "b"]]) == "a  b" and "<tbody></tbody>" in as_html([Section([["a"]])])


def test_lines_of_a_note_stay_lines_in_html():
    html = as_html([Section([["a"], ["1"]], notes=["do this:\n    first\n    second"])])
    assert '<p style="white-space:pre-wrap">do this:\n    first\n    second</p>' in html

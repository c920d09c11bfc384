"""A page holds all it shows, escapes what it is given, and gives its numbers away."""

import csv
import html.parser
import io
import json
import re
from dataclasses import replace
from urllib.parse import unquote

import pytest
import torch

from pyrovae import data, report
from pyrovae.reporting import Report, Subject, finite_history, to_html
from pyrovae.reporting.drawing import csv_uri
from pyrovae.reporting.sections.runs import differences
from tests.reporting.pages import EVIL, HISTORY, measured, named, page_of_one, png


class _Elements(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def elements(page):
    parser = _Elements()
    parser.feed(page)
    return parser.found


def rows_of(uri):
    kind, _, content = uri.partition(",")
    assert kind == "data:text/csv;charset=utf-8"
    return list(csv.DictReader(io.StringIO(unquote(content))))


def downloads(page):
    return {
        attrs["download"]: rows_of(attrs["href"])
        for tag, attrs in elements(page)
        if tag == "a" and "download" in attrs
    }


def test_nothing_is_fetched():
    for _tag, attrs in elements(page_of_one()):
        for name in ("src", "href", "xlink:href", "srcset", "action", "poster"):
            assert attrs.get(name, "#").startswith(("#", "data:")), attrs
    assert "@import" not in page_of_one() and not re.search(r"url\((?!#)", page_of_one())
    assert len(page_of_one()) < 2e6


def test_pictures_have_words_and_names_are_unique():
    found = elements(page_of_one())
    pictures = [attrs for tag, attrs in found if tag in ("img", "svg")]
    assert len(pictures) >= 7
    for attrs in pictures:
        assert re.search(r"\d", attrs.get("alt") or attrs["aria-label"])
    ids = [attrs["id"] for _, attrs in found if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for t, a in found if t == "a" and a["href"][0] == "#"} <= set(ids)


def test_numbers_to_download_are_those_of_the_figures():
    found, files = measured(), downloads(page_of_one())
    evidence = found.subject.evidence
    for key, column in (("log_px", evidence.log_px), ("ess", evidence.ess)):
        values = [float(row[key]) for row in files["evidence-1.csv"]]
        assert values == pytest.approx(column.tolist(), rel=1e-5)
    kl = [float(row["kl"]) for row in files["kl-by-dimension-1.csv"]]
    assert kl == pytest.approx(found.subject.parts.kl_per_dim["z"].tolist(), rel=1e-5)
    assert [float(r["train"]) for r in files["training-curves.csv"]] == [
        e["train"] for e in HISTORY
    ]
    facts = {row["name"]: row["value"] for row in files["measurements-1.csv"]}
    assert float(facts["nll"]) == pytest.approx(found.facts["nll"], rel=1e-5)
    pixels = [[int(v) for v in row.values()] for row in files["samples-1.csv"]]
    levels = torch.tensor(pixels)
    assert 0 <= int(levels.min()) and int(levels.max()) == 255
    drawn = found.subject.pictures["samples"].axes[0].images[0].get_array()
    assert levels.tolist() == (255 * torch.tensor(drawn)).round().int().tolist()


def test_a_spreadsheet_takes_no_text_for_a_formula():
    (row,) = rows_of(csv_uri([{"name": "=HYPERLINK(1)", "value": -2.5, "note": 'a,b\n"c"'}]))
    assert row == {"name": "'=HYPERLINK(1)", "value": "-2.5", "note": 'a,b\n"c"'}


def test_what_a_stranger_wrote_is_text():
    harmful = replace(
        measured().subject,
        name=EVIL,
        settings={EVIL: EVIL, "$x^{": "$\\frac{"},
        about={EVIL: EVIL},
        command=EVIL,
        history=[{**entry, f"kl[{EVIL}]": 1.0, "kl[$x^{]": 2.0} for entry in HISTORY],
        tables={EVIL: [{EVIL: EVIL, "objective": EVIL}]},
        remarks=[EVIL],
        pictures={},
    )
    one = replace(measured(), subject=harmful)
    others = [named("a$x^{b", 3, 1.0), one]
    for page in (one.to_html(), to_html(others)):
        tags = [tag for tag, _ in elements(page)]
        assert tags.count("script") == 1
        assert not any("onerror" in attrs for _, attrs in elements(page))
        assert not any(attrs.get("src") == "x" for _, attrs in elements(page))
        assert "script-src 'sha256-" in page


def test_several_runs_side_by_side():
    page = to_html([named("runs/first", 5, 30.0), named("b", 9, 20.5), named("c", 11, 100.25)])
    rows = downloads(page)["runs.csv"]
    assert [row["run"] for row in rows] == ["runs/first", "b", "c"]
    assert [float(row["model.latent_dim"]) for row in rows] == [5, 9, 11]
    assert float(rows[1]["NLL"]) == 20.5
    assert "epochs" in rows[0] and "data.name" not in rows[0]  # no difference, no column
    curves = downloads(page)["training-curves.csv"]
    assert {row["run"] for row in curves} == {"runs/first", "b", "c"}
    assert "b has the lowest negative log-likelihood" in page


def test_runs_of_one_name_are_told_apart():
    page = to_html([named("a", 1, 1.0), named("a", 2, 2.0)])
    assert [row["run"] for row in downloads(page)["runs.csv"]] == ["a (1)", "a (2)"]


def test_differences_leave_out_where_a_run_was():
    assert differences([{"lr": 1, "device": "cpu"}, {"lr": 2, "device": None, "ema": 0.9}]) == [
        "lr", "ema",
    ]  # fmt: skip


def test_a_page_of_nothing_but_a_history():
    page = Report((), {}, Subject("run", history=HISTORY)).to_html()
    assert "best bound, validation data" in page and "-49.00" in page
    assert 'id="evidence"' not in page and 'id="measurements"' not in page
    assert Report((), {}).to_html().count("<section") == 0


def test_python_report_of_data_that_are_no_images(tmp_path):
    oracle = data.LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)
    x = oracle.sample(60, seed=1)
    found = report(oracle.model, oracle.guide, x, num_particles=50)
    page = found.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == page
    assert 'id="diagnosis"' in page and 'id="latents-1"' in page
    assert "<table" in found._repr_html_()


def test_an_autoencoder_has_a_page_that_says_why_there_is_no_evidence():
    from pyrovae.models import Autoencoder

    found = report(Autoencoder((4,), 2), torch.ones(30, 4))
    page = found.to_html()
    assert "no p(x)" in page and 'id="evidence"' not in page


def test_pickled_it_keeps_its_numbers_and_not_the_pair():
    import pickle

    oracle = data.LinearGaussian.random(data_dim=4, latent_dim=2, seed=3)
    found = report(oracle.model, oracle.guide, oracle.sample(30, seed=1), num_particles=30)
    copy = pickle.loads(pickle.dumps(found))
    assert copy.facts == found.facts and copy.completed() is copy


def test_a_history_keeps_its_finite_numbers():
    entries = [{"epoch": 1, "train": -2.0, "val": float("nan"), "note": "a"},
               {"epoch": "two", "train": 1.0}, {"epoch": 3, "train": 10**400},
               {"epoch": 4, "train": -1.0, "kl[z]": 0.5}]  # fmt: skip
    assert finite_history(entries) == [
        {"epoch": 1, "train": -2.0, "kl[z]": None}, {"epoch": 4, "train": -1.0, "kl[z]": 0.5},
    ]  # fmt: skip


def test_files_of_pictures_are_shown_as_they_are():
    page = Report((), {}, Subject("run", pictures={"samples": png()})).to_html()
    (image,) = (attrs for tag, attrs in elements(page) if tag == "img")
    assert image["src"].startswith("data:image/png;base64,") and image["alt"]
    assert json.dumps(image)

"""`pyrovae report`: pages of run folders, honest, damaged and a stranger's."""

import json
from pathlib import Path

import pytest
import yaml

from pyrovae.cli import main
from pyrovae.cli.page_file import address
from tests.cli.commands import refused
from tests.reporting.pages import EVIL, png
from tests.reporting.test_page import downloads, elements


def test_fit_ends_by_naming_its_page(small_run):
    folder, printed = small_run
    last = printed.strip().splitlines()[-1]
    assert last.startswith("report, in ") and last.endswith(f": {address(folder / 'report.html')}")
    page = (folder / "report.html").read_text()
    for section in ("diagnosis", "measurements", "curves", "pictures", "evidence", "elbo"):
        assert f'id="{section}"' in page
    assert "pyrovae fit --data digits" in page and "1197 train" in page
    origin = json.loads((folder / "origin.json").read_text())
    assert origin["words"][:2] == ["--data", "digits"] and "torch" in origin["about"]["versions"]


def test_measures_anew(run_copy, capsys):
    words = ["report", str(run_copy), "--num-particles", "30", "--limit", "20"]
    assert main(words) == 0
    page = (run_copy / "report.html").read_text()
    assert capsys.readouterr().out.strip().endswith(address(run_copy / "report.html"))
    assert len(downloads(page)["evidence-1.csv"]) == 20
    assert "1197 train" in page  # of the run, which the folder keeps


@pytest.fixture
def with_results(run_copy):
    rows = [{"objective": EVIL, "bound": -5.0}, {"objective": "IWAE", "bound": float("nan")}]
    (run_copy / "compare.json").write_text(json.dumps({"num_data": 3, "rows": rows}))
    (run_copy / "complete.png").write_bytes(png())
    (run_copy / "complete.json").write_text(json.dumps({"psnr": 12.5, EVIL: [1]}))
    return run_copy


def test_files_alone_are_shown_without_building_anything(with_results, monkeypatch):
    def build(*_, **__):
        raise AssertionError("something was built")

    monkeypatch.setattr("pyrovae.cli.report.restore", build)
    config = with_results / "config.yaml"
    settings = yaml.safe_load(config.read_text())
    settings["model"]["name"] = "os.system"
    settings["note"] = EVIL
    config.write_text(yaml.safe_dump(settings))
    (with_results / "origin.json").write_text(
        json.dumps({"words": ["--data", "x; touch harmed"], "about": {EVIL: EVIL}})
    )
    assert main(["report", str(with_results), "--num-particles", "0"]) == 0
    page = (with_results / "report.html").read_text()
    found = elements(page)
    assert [tag for tag, _ in found].count("script") == 1
    assert not any("onerror" in attrs for _, attrs in found)
    assert "&#39;x; touch harmed&#39;" in page  # quoted for a shell
    files = downloads(page)
    assert [row["objective"] for row in files["compare-1.csv"]] == [EVIL, "IWAE"]
    assert {"name": "psnr", "value": "12.5"} in files["complete-1.csv"]
    facts = json.loads((with_results / "report.json").read_text())
    rows = {row["name"]: row["value"] for row in files["measurements-1.csv"]}
    assert float(rows["nll"]) == pytest.approx(facts["nll"], rel=1e-5)


def test_several_runs(run_copy, small_run, here):
    words = ["report", str(run_copy), str(small_run[0]), "--num-particles", "0"]
    assert main([*words, "--out", "both.html"]) == 0
    rows = downloads(Path("both.html").read_text())["runs.csv"]
    assert [row["run"] for row in rows] == [str(run_copy), str(small_run[0])]


def test_a_stranger_s_code_is_not_run(trap, capsys):
    config = Path("run/config.yaml")
    settings = yaml.safe_load(config.read_text())
    settings["model"] = {"name": "planted.Model"}
    config.write_text(yaml.safe_dump(settings))
    assert "planted" in refused(capsys, "report", "run")
    assert main(["report", "run", "--num-particles", "0"]) == 0


class TestRefuses:
    def test_what_is_no_run(self, here, capsys):
        Path("empty").mkdir()
        assert "no run folder" in refused(capsys, "report", "empty")
        assert "is no folder" in refused(capsys, "report", "nowhere")
        assert "RUN" in refused(capsys, "report")

    def test_a_damaged_checkpoint(self, run_copy, capsys):
        (run_copy / "last.safetensors").write_bytes(b"damaged")
        assert "last.safetensors" in refused(capsys, "report", run_copy, "--num-particles", "0")

    def test_a_link_to_elsewhere(self, run_copy, tmp_path, capsys):
        (tmp_path / "secret.json").write_text("{}")
        (run_copy / "use.json").symlink_to(tmp_path / "secret.json")
        assert "is a link" in refused(capsys, "report", run_copy)

    def test_to_replace_what_is_no_page(self, run_copy, here, capsys):
        Path("mine.html").write_text("<p>mine</p>")
        assert "would be replaced" in refused(capsys, "report", run_copy, "--out", "mine.html")
        assert ".html" in refused(capsys, "report", run_copy, "--out", "page.pdf")
        assert Path("mine.html").read_text() == "<p>mine</p>"


def test_damaged_results_are_left_out_with_a_remark(run_copy):
    (run_copy / "complete.png").write_bytes(b"no picture")
    (run_copy / "compare.json").write_text("[" * 100_000)
    (run_copy / "denoise.json").write_text("{")
    assert main(["report", str(run_copy), "--num-particles", "0"]) == 0
    page = (run_copy / "report.html").read_text()
    for name in ("complete.png", "compare.json", "denoise.json"):
        assert "Left out" in page and name in page


def test_without_measuring_there_is_a_page_of_the_training(here):
    from tests.cli.commands import SMALL, fit

    words = [word for word in SMALL if word not in ("--test-particles", "30")]
    assert fit("--data", "digits", *words, "--test-particles", "0", "--run", "out") == 0
    page = Path("out/report.html").read_text()
    assert 'id="curves"' in page and 'id="evidence"' not in page

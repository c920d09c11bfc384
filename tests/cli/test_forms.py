"""Data that are no images: what sample, reconstruct, fit and the page make of them."""

import csv
import io

import numpy as np
import pytest
from scipy.io import wavfile

from pyrovae.cli import main
from pyrovae.cli.data_files import reader_of
from pyrovae.cli.library import known_data
from tests.cli.speller import NAMES, OTHERS, SPELLER

KINDS = {
    "text": "letters Speller .txt", "sounds": "sounds Sounds .wav", "rows": "rows Rows .csv",
    "lines": "lines Lines .png", "counts": "counts Counts .npz",
}  # fmt: skip


def own(kind):
    data, model, _ = KINDS[kind].split()
    return ["--data", f"own.py:{data}", "--model", f"own.py:{model}"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("forms")


@pytest.fixture
def at(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "own.py").write_text(SPELLER + OTHERS)
    (folder / "names.txt").write_text(NAMES)
    return folder


@pytest.fixture
def run(request, at, capsys):
    """A run of one kind, trained once, and what `fit` printed."""
    kind = request.param
    if not (at / kind).exists():
        words = ["--epochs", "1", "--test-particles", "20", "--run", kind]
        assert main(["fit", *own(kind), *words]) == 0
        (at / kind / "told").write_text(capsys.readouterr().out)
    return kind


each = pytest.mark.parametrize("run", KINDS, indirect=True)


@each
@pytest.mark.parametrize("command", ["sample", "reconstruct"])
def test_written_as_what_they_are(run, at, capsys, command):
    assert main([command, run, *own(run), "--n", "2"]) == 0
    told = capsys.readouterr().out
    ending = KINDS[run].split()[2]
    stem = f"{command}_00" if run == "sounds" else command
    path = at / run / f"{stem}{ending}"
    assert str(path.relative_to(at)) in told
    if run == "text":
        lines = path.read_text().splitlines()
        assert len(lines) == 2 and lines[0].replace("\t", "  ->  ") in told
        assert all(set(line) <= set(NAMES + "\t") for line in lines)
    elif run == "sounds":
        rate, wave = wavfile.read(path)
        assert rate == 8000 and wave.dtype == np.int16 and len(wave) == 1500
        assert (at / run / f"{command}.png").stat().st_size > 5000
    elif run == "rows":
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        assert len(rows) == 2 and {"age", "<b>kind</b>", "none"} <= set(rows[0])
        assert rows[0]["none"] == "" and rows[0]["<b>kind</b>"] in ("=evil()", "b, c")
    elif run == "counts":
        assert np.load(path)["x"].shape == (2, 7)
    else:
        assert path.stat().st_size > 5000


@each
def test_arrays_of_every_kind(run, at):
    assert main(["sample", run, *own(run), "--n", "3", "--out", f"{run}/x.npz"]) == 0
    assert len(np.load(at / run / "x.npz")["x"]) == 3


@pytest.mark.parametrize(
    ("run", "wrong", "told"),
    [
        ("text", "a.png", "the data are text; name a file that ends in .txt or .npz"),
        ("rows", "a.png", "the data are rows of a table; name a file that ends in .csv or .npz"),
        ("lines", "a.txt", "the data are series; name a file that ends in .png or .npz"),
        ("counts", "a.png", "the data are arrays; name a file that ends in .npz"),
        ("text", "a.jpg", "write a .png picture or an .npz of arrays; of text a .txt"),
    ],
    indirect=["run"],
)
def test_endings_that_do_not_fit(run, at, capsys, wrong, told):
    for command in ("sample", "reconstruct"):
        assert main([command, run, *own(run), "--out", wrong]) == 2
        assert told in capsys.readouterr().err
    assert not (at / wrong).exists()


@each
def test_fit_leaves_them_and_the_page_shows_them(run, at):
    told, page = (at / run / "told").read_text(), (at / run / "report.html").read_text()
    names = {p.name for p in (at / run).iterdir()}
    assert ("reconstructions.png" in names) == (run in ("sounds", "lines"))
    if run == "text":
        assert {"samples.txt", "reconstructions.txt"} <= names
        first = (at / run / "samples.txt").read_text().splitlines()[0]
        assert f"<bdi>{first}</bdi>" in page and "text: reconstructions.txt, samples.txt" in told
    if run == "sounds":
        assert {"samples_00.wav", "reconstructions_00.wav"} <= names
        assert page.count("<audio controls") == 18 and "media-src data:" in page
    if run == "rows":
        assert "samples.csv" in names and "<b>kind</b>" not in page
        assert "&lt;b&gt;kind&lt;/b&gt;" in page
    assert ("bits/dim" in told) == (run not in ("text", "rows"))
    assert "bits per dimension" not in page or run not in ("text", "rows")


@each
def test_the_page_of_a_run(run, at, capsys):
    assert main(["report", run, *own(run), "--num-particles", "10", "--out", f"{run}.html"]) == 0
    page = (at / f"{run}.html").read_text()
    assert ("Samples and reconstructions" in page) == (run in ("text", "sounds", "rows"))


@pytest.mark.parametrize(
    ("data", "model", "found"),
    [
        ("names.txt", "TextVAE", ("text", "path")),
        ("a.csv", "TableVAE", ("table", "source")),
        ("a.csv", "VAE", ("arrays", "x")),
        ("sounds", "SpeechVAE", ("audio", "source")),
        ("names.txt", "TopicModel", ("documents", "source")),
        ("papers", "TopicModel", ("documents", "source")),
        ("papers", "VAE", None),
        ("names.txt", "VAE", None),
        ("names.txt", "", None),
        ("digits", "VAE", None),
    ],
)
def test_files_that_stand_for_themselves(here, data, model, found):
    (here / "sounds" / "inner").mkdir(parents=True)
    (here / "sounds" / "inner" / "a.wav").touch()
    (here / "papers").mkdir()
    (here / "papers" / "a.txt").touch()
    assert reader_of(data, model) == found
    assert reader_of("", model) is None  # `--data` not given, in a folder that holds sounds


def test_data_functions_say_what_they_supply():
    """So that a family which needs it can name them."""
    named = {name: getattr(made, "supplies", ()) for name, made in known_data().items()}
    assert named["text"] == named["names"] == ("vocabulary",)
    assert named["table"] == ("columns",) and "sound" in named["audio"]


def test_text_from_a_file_in_batches_of_like_lengths(here):
    (here / "names.txt").write_text("\n".join("abcdefg"[: i % 5 + 1] for i in range(60)) + "\n")
    words = ["--model.latent_dim", "2", "--epochs", "1", "--test-particles", "0", "--run", "out"]
    fit = ["fit", "--data", "names.txt", "--model", "TextVAE", *words, "--batch-size", "10"]
    assert main([*fit, "--like-lengths"]) == 0
    assert (here / "out" / "supplies.json").is_file()


def test_a_folder_of_no_known_data(here, capsys):
    (here / "papers").mkdir()
    for name in ("papers", "./papers"):
        assert main(["fit", "--data", name, "--model.latent_dim", "2"]) == 2
        assert "name the reader, such as --data documents" in capsys.readouterr().err

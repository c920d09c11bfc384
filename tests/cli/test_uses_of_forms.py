"""Every use on a run of text and of a table: it works, or says in a sentence why not."""

import math

import pytest

from pyrovae import apply, load, perplexity
from pyrovae.cli import main

SMALL = ["--model.latent_dim", "2", "--epochs", "1", "--test-particles", "0"]
KINDS = {"names.txt": "TextVAE", "rows.csv": "TableVAE"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uses")
    texts = ["abcdefg"[: i % 5 + 1] for i in range(60)]
    (folder / "names.txt").write_text("\n".join(texts) + "\n")
    rows = [f"{i * 7 % 11 / 2},{'xyz'[i % 3]}" for i in range(60)]
    (folder / "rows.csv").write_text("\n".join(["size,kind", *rows]) + "\n")
    for data, model in KINDS.items():
        words = ["--data", str(folder / data), "--model", model, *SMALL]
        assert main(["fit", *words, "--run", str(folder / model)]) == 0
    return folder


@pytest.mark.parametrize("model", KINDS.values())
@pytest.mark.parametrize("use", [*apply.COMMANDS, "traverse"])
def test_works_or_says_why_not(runs, capsys, use, model):
    if (use, model) == ("denoise", "TableVAE"):
        pytest.skip("takes a minute: its particles are drawn one by one")
    run = str(runs / model)
    small = [] if use == "traverse" else ["--limit", "6"]
    status = main([use, run, *small])
    told = capsys.readouterr().err
    assert status in (0, 2)
    if status:
        assert told.splitlines()[-1].startswith(f"pyrovae {use}: "), told
        assert "Traceback" not in told and "cannot be computed" not in told, told
    assert not (runs / model / "traverse.png").exists()


def test_strings_by_a_way_of_decoding(runs, capsys):
    run, one = str(runs / "TextVAE"), str(runs / "one.txt")

    def made(*words):
        assert main(["sample", run, "--n", "6", "--out", one, *words]) == 0
        return (runs / "one.txt").read_text()

    assert made("--decoding", "greedy") == made("--decoding", "beam", "--width", "1")
    assert made() == made("--decoding", "sampling") == made("--temperature", "1.0")
    assert made("--temperature", "1e-6") == made("--top-k", "1") != made()
    assert main(["reconstruct", run, "--n", "3", "--decoding", "beam", "--out", one]) == 0


@pytest.mark.parametrize(
    ("command", "words", "why"),
    [
        (
            "sample",
            ["--decoding", "greedy", "--temperature", "2"],
            "option of --decoding sampling",
        ),
        ("sample", ["--width", "2", "--top-k", "3"], "--width is an option of --decoding beam"),
        ("sample", ["--classes", "1", "--top-k", "3"], "--top-k: `generate_classes` of TextVAE"),
        ("sample", ["--top-p", "2"], "top_p=2"),
        ("reconstruct", ["--decoding", "magic"], "greedy"),
    ],
)
def test_options_that_fit_no_way_are_refused(runs, capsys, command, words, why):
    assert main([command, str(runs / "TextVAE"), *words]) == 2
    assert why in capsys.readouterr().err


def test_rows_are_made_by_no_decoding(runs, capsys):
    assert main(["sample", str(runs / "TableVAE"), "--decoding", "beam"]) == 2
    assert "--decoding: `generate` of TableVAE makes no strings" in capsys.readouterr().err


def test_missing_cells_are_shown_as_missing(tmp_path):
    rows = [f"{i % 7 + 0.5 if i % 2 else ''},{'xyz'[i % 3] if i % 3 else ''}" for i in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["size,kind", *rows]) + "\n")
    data = ["--data", str(tmp_path / "rows.csv"), "--model", "TableVAE"]
    run = str(tmp_path / "run")
    assert main(["fit", *data, *SMALL, "--run", run]) == 0
    assert main(["reconstruct", run, "--n", "6", "--out", str(tmp_path / "back.csv")]) == 0
    back = [line.split(",") for line in (tmp_path / "back.csv").read_text().splitlines()[1:]]
    given = {(size, kind) for size, kind, *_ in back}
    assert given <= {tuple(row.split(",")) for row in rows} and any("" in row for row in given)
    assert all(all(row[2:]) for row in back)


def test_a_mask_is_no_table_of_factors(runs, capsys):
    assert main(["disentangle", str(runs / "TableVAE")]) == 2
    assert "table has no table of factors" in capsys.readouterr().err


def test_evaluate_tells_the_perplexity(runs, capsys):
    run = runs / "TextVAE"
    assert main(["evaluate", str(run), "--num-particles", "5"]) == 0
    told = {line[:18].strip(): line[18:].split() for line in capsys.readouterr().out.splitlines()}
    opened = load(run)
    x = opened.data().test.x
    found = perplexity(opened.pair, x, num_particles=200, seed=1)
    assert float(told["perplexity"][0]) == pytest.approx(found.perplexity, rel=0.02)
    assert float(told["bits/character"][0]) == pytest.approx(math.log2(found.perplexity), rel=0.02)

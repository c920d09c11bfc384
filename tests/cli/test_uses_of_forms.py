"""Every use on a run of text and of a table: it works, or says in a sentence why not."""

import pytest

from pyrovae import apply
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
    run = str(runs / model)
    small = [] if use == "traverse" else ["--limit", "6"]
    status = main([use, run, *small])
    told = capsys.readouterr().err
    assert status in (0, 2)
    if status:
        assert told.startswith(f"pyrovae {use}: ") and len(told.strip().splitlines()) == 1
        assert "Traceback" not in told and "cannot be computed" not in told, told
    assert not (runs / model / "traverse.png").exists()

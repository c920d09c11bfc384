"""What data supply to a pair besides their shape: handed over, kept, and compared."""

import json

import numpy as np
import pytest

import pyrovae
from pyrovae.cli import main
from pyrovae.cli.kept_json import MAX_BYTES
from pyrovae.errors import ConfigError
from tests.cli.commands import SMALL
from tests.cli.speller import NAMES, SPELLER

OWN = ["--data", "own.py:letters", "--model", "own.py:Speller"]
FIT = ["fit", *OWN, "--epochs", "2", "--test-particles", "0", "--run", "out"]


@pytest.fixture
def spelled(here):
    (here / "own.py").write_text(SPELLER)
    (here / "names.txt").write_text(NAMES)
    assert main(FIT) == 0
    return here


def test_kept_in_the_run_folder_and_given_again(spelled, capsys):
    kept = json.loads((spelled / "out" / "supplies.json").read_text())
    assert kept == {"vocabulary": {"symbols": sorted(set(NAMES) - set(" \n"))}}
    assert main(["evaluate", "out", *OWN, "--num-particles", "5"]) == 0
    (spelled / "names.txt").unlink()  # the pair alone needs no data
    own = ["own.py:Speller", "own.py:letters"]
    loaded = pyrovae.load("out", trust=own)
    assert loaded.pair.symbols == kept["vocabulary"]["symbols"]


def test_changed_data_are_refused_with_what_changed(spelled, capsys):
    (spelled / "names.txt").write_text(NAMES.replace("nina", "zoey"))
    for words in (["evaluate", "out", *OWN], [*FIT, "--resume", "--epochs", "3"]):
        capsys.readouterr()
        assert main(words) == 2
        told = capsys.readouterr().err
        assert "vocabulary of the data is not the one" in told
        assert "symbols has lost 'i' and has gained 'y', 'z'" in told
    loaded = pyrovae.load("out", trust=["own.py:Speller", "own.py:letters"])
    with pytest.raises(ConfigError, match="gained 'y', 'z'"):
        loaded.data()


def test_a_new_run_in_its_place_removes_it(spelled):
    words = ["--run", "out", "--overwrite", *SMALL, "--test-particles", "0"]
    assert main(["fit", "--data", "digits", *words]) == 0
    assert not (spelled / "out" / "supplies.json").exists()


def test_it_is_no_option(spelled, capsys):
    assert main([*FIT, "--model.vocabulary", "{}"]) == 2
    assert "no such option of Speller, which takes latent_dim" in capsys.readouterr().err


def test_data_that_supply_none(spelled, capsys):
    assert main(["fit", "--data", "digits", "--model", "own.py:Speller"]) == 2
    told = capsys.readouterr().err
    assert "takes its vocabulary from the data, and --data digits supplies none" in told


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[1]", "holds something else"),
        ('{"model": {}}', "holds something else"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"vocabulary": ' + "[" * 50 + "]" * 50 + "}", "nested deeper"),
        ('{"vocabulary": NaN}', "not finite"),
        (" " * (MAX_BYTES + 1), "longer than"),
    ],
)
def test_of_a_stranger(spelled, capsys, content, told):
    (spelled / "out" / "supplies.json").write_text(content)
    assert main(["evaluate", "out", *OWN]) == 2
    found = capsys.readouterr().err
    assert told in found and "put back the file of the run" in found  # without it there is no pair


def test_a_run_that_has_lost_it(spelled, capsys):
    (spelled / "out" / "supplies.json").unlink()
    assert main(["evaluate", "out", *OWN]) == 2
    assert "keeps no vocabulary in supplies.json" in capsys.readouterr().err


def test_compare_training_builds_the_pair_with_it(spelled, capsys):
    words = ["--objectives", "ELBO", "--seeds", "0", "--epochs", "1", "--evidence-particles", "5"]
    assert main(["compare-training", "out", *OWN, *words]) == 0


def test_check_of_a_file(spelled, capsys):
    assert main(["check", "own.py:Speller", "--data", "own.py:letters", "--quick"]) in (0, 1)
    assert "rows" not in capsys.readouterr().err


def test_data_that_supply_it_under_other_options_name_those(tmp_path, capsys):
    np.save(tmp_path / "x.npy", np.ones((40, 3), dtype=int))
    words = ["--data", "counts", "--data.source", str(tmp_path / "x.npy")]
    model = ["--model", "LatentSizeCountVAE", "--model.latent_dim", "2"]
    assert main(["fit", *words, *model, "--run", str(tmp_path / "run")]) == 2
    told = capsys.readouterr().err
    assert "does not supply it as it is called; give --data.y" in told


def test_levels_and_kinds_of_a_table_are_read_again(here):
    """The text within levels is that of cells, and no name of anything that could run."""
    rows = [f"{i % 3},{'abc'[i % 3]},{i % 2 + 1},{i * 1.5}" for i in range(40)]
    (here / "t.csv").write_text("code,grade,twice,size\n" + "\n".join(rows) + "\n")
    words = ["fit", "--data", "t.csv", "--model", "TableVAE", "--model.latent_dim", "2",
             "--data.levels", "{grade: [b, a, c], code: [2, 0, 1]}",
             "--data.kinds", "{twice: count}", "--data.columns", "[grade, code, twice]",
             "--epochs", "1", "--test-particles", "0", "--run", "run"]  # fmt: skip
    assert main(words) == 0
    kept = json.loads((here / "run" / "supplies.json").read_text())["columns"]
    assert [(c["name"], c.get("values")) for c in kept] == [
        ("grade", ["b", "a", "c"]), ("code", [2, 0, 1]), ("twice", None)
    ]  # fmt: skip
    assert main(["sample", "run", "--n", "5", "--out", "made.csv"]) == 0
    assert (here / "made.csv").read_text().startswith("grade,code,twice\n")


def test_an_option_that_the_data_supply(here, capsys):
    words = ["fit", "--data", "tones", "--data.takes", "3", "--model", "SpeechVAE",
             "--model.latent_dim", "2", "--model.encoder", "MLP", "--model.decoder", "MLP",
             "--epochs", "1", "--test-particles", "0", "--run"]  # fmt: skip
    assert main([*words, "out"]) == 0
    assert json.loads((here / "out" / "supplies.json").read_text())["num_classes"] == [4, 3]
    assert pyrovae.load("out").pair.condition.num_classes == (4, 3)
    assert main([*words, "out", "--resume", "--epochs", "2"]) == 0
    assert main([*words, "own", "--model.num_classes", "[5, 3]"]) == 0
    assert pyrovae.load("own").pair.condition.num_classes == (5, 3)
    assert "num_classes" not in json.loads((here / "own" / "supplies.json").read_text())
    assert main([*words, "none", "--data.labels", "null"]) == 2
    assert "--data tones supplies none; give --model.num_classes" in capsys.readouterr().err


def test_lengths_of_series_are_not_taken_for_data(here):
    np.save("x.npy", np.random.default_rng(0).normal(size=(20, 4, 1)))
    np.save("lengths.npy", np.arange(20) % 4 + 1)
    words = ["fit", "--data", "series", "--data.x", "x.npy", "--data.lengths", "lengths.npy",
             "--model", "DeepMarkovModel", "--model.latent_dim", "1", "--epochs", "1",
             "--test-particles", "0", "--run"]  # fmt: skip
    assert main([*words, "out"]) == 0
    assert pyrovae.load("out").pair.lengths
    assert main([*words, "own", "--model.lengths", "false"]) == 2

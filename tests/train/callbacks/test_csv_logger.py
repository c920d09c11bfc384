"""A row for each epoch, in a file that a resumed run continues."""

import csv

import pytest

from pyrovae.errors import ConfigError, SaveError
from pyrovae.objectives import ELBO
from pyrovae.train import CSVLogger, fit
from tests.train.pairs import QUIET, Log, networks, pair, x_of


def train(nets=None, **options):
    nets = networks() if nets is None else nets
    options = {"epochs": 3, "val": x_of(5), **options}
    return fit(*pair(*nets), x_of(), objective=ELBO(), batch_size=20, **options, **QUIET)


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_has_every_number_of_every_epoch(tmp_path):
    run = train(run_dir=tmp_path / "run", callbacks=[CSVLogger()])
    found = rows(tmp_path / "run" / "history.csv")
    assert len(found) == 3 and list(found[0]) == run.history.columns
    for row, entry in zip(found, run.history, strict=True):
        assert {name: float(value) for name, value in row.items()} == entry


def test_what_an_epoch_lacks_stays_empty(tmp_path):
    train(val=None, callbacks=[CSVLogger(tmp_path / "new" / "epochs.csv")])
    assert [row["val"] for row in rows(tmp_path / "new" / "epochs.csv")] == [""] * 3


def test_a_resumed_run_continues_it_from_the_checkpoint(tmp_path):
    options = {"run_dir": tmp_path / "run", "checkpoint_seconds": 0.0}
    file = tmp_path / "run" / "history.csv"
    train(callbacks=[CSVLogger(), Log(stop_at=3)], **options)  # within the second epoch
    assert len(rows(file)) == 1
    with file.open("a") as more:
        more.write("of,another,run\n")
    train(callbacks=[CSVLogger()], resume=True, **options)
    assert [row["epoch"] for row in rows(file)] == ["1", "2", "3"]


def test_a_new_run_does_not_replace_a_file_of_the_user(tmp_path):
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="is there already.*resume its run"):
        train(callbacks=[CSVLogger(tmp_path / "mine.csv")])
    assert (tmp_path / "mine.csv").read_text() == "a,b\n1,2\n"


def test_no_place_and_no_folder(tmp_path):
    with pytest.raises(ConfigError, match="give a path, or a run_dir"):
        train(callbacks=[CSVLogger()])
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="cannot be written"):
        train(callbacks=[CSVLogger(tmp_path / "file" / "epochs.csv")])

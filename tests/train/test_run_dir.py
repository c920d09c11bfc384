"""A run folder is what may be one, and a run in it is not replaced unasked."""

import pytest

from pyrovae.errors import ConfigError, NonFiniteError, PyrovaeError
from pyrovae.objectives import ELBO
from pyrovae.train import fit
from tests.train.pairs import QUIET, networks, pair, same, state, x_of


def run(folder, nets=None, **options):
    options = {"epochs": 1, "objective": ELBO(), **QUIET, **options}
    return fit(*pair(*(nets or networks())), x_of(), run_dir=folder, **options)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_second_run_is_refused_and_loses_nothing(tmp_path):
    run(tmp_path, epochs=2)
    before, nets = content(tmp_path), networks(3)
    kept = state(nets)
    with pytest.raises(ConfigError, match="holds a run already; .*resume=True .*overwrite=True"):
        run(tmp_path, nets)
    assert content(tmp_path) == before and same(kept, state(nets))
    (tmp_path / "last.safetensors").unlink()  # killed before its first last checkpoint
    with pytest.raises(ConfigError, match="holds a run already"):
        run(tmp_path)
    run(tmp_path, resume=True)


def test_it_is_replaced_or_continued_where_asked(tmp_path):
    run(tmp_path, epochs=2)
    assert len(run(tmp_path, epochs=3, resume=True).history) == 3
    assert len(run(tmp_path, overwrite=True).history) == 1
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("option", ["resume", "overwrite"])
def test_an_empty_folder_takes_either(option, tmp_path):
    assert run(tmp_path / "new" / "run", **{option: True}).steps == 1


def test_nothing_is_lost_before_the_first_loss(tmp_path):
    run(tmp_path)
    before = content(tmp_path)
    encoder, decoder = networks()
    decoder.weight.data.fill_(float("nan"))
    with pytest.raises((NonFiniteError, PyrovaeError, ValueError)):
        run(tmp_path, (encoder, decoder), overwrite=True)
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"resume": True, "overwrite": True},
            "resume continues .* overwrite replaces it",
        ),
        ({"run_dir": None, "resume": True}, "resume continues the run in run_dir; give run_dir"),
        (
            {"run_dir": None, "overwrite": True},
            "overwrite replaces the run in run_dir",
        ),
        ({"run_dir": ""}, "run_dir='', needs the path of a folder"),
        ({"run_dir": 3}, "run_dir=3, needs the path of a folder"),
        ({"run_dir": b"run"}, "needs the path of a folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        run(options.pop("run_dir", tmp_path), **options)
    assert list(tmp_path.iterdir()) == []


def test_what_can_be_no_folder_is_named(tmp_path):
    (tmp_path / "file").write_text("kept")
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    for name, message in {
        "file": "file is a file.; choose another folder",
        "file/a/b": "file/a/b cannot be written to ..*/file is a file",
        "lost": "lost is a link to nowhere",
        "lost/run": "lost/run cannot be written to ..*/lost is a link to nowhere",
        "x" * 300: "File name too long",
        "a\0b": "cannot be written to .*null",
    }.items():
        with pytest.raises(ConfigError, match=message):
            run(tmp_path / name)
    assert (tmp_path / "file").read_text() == "kept" and not (tmp_path / "nowhere").exists()
    with pytest.raises(ConfigError, match="cannot be written to"):
        run("/proc/run")


def test_a_link_to_a_folder_is_a_folder(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    run(tmp_path / "link")
    assert (tmp_path / "real" / "last.safetensors").is_file()

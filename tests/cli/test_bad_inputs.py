"""Whatever is given wrongly: no traceback, exit code 2, one sentence."""

import shutil
import sys
from pathlib import Path

import pytest

from pyrovae.cli import main
from tests.cli import bad_inputs as bad
from tests.cli.tampered import edited
from tests.processes import command, forked

LONGEST = 700  # characters of a sentence; some list the names that there are
LEAKS = (
    "Traceback", "NestedArg", "Namespace", "Parser key", "<class", "<function", "{'",
    "object at 0x",
    "what was given cannot be computed", "error of pyrovae itself", "see `pyrovae fit --help`",
)  # fmt: skip


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """A folder with the files that the words name, and a run."""
    folder = tmp_path_factory.mktemp("stock")
    bad.write_stock(folder)
    words = [word if word != "new" else str(folder / "honest") for word in bad.FIT]
    assert main(words) == 0
    shutil.copytree(folder / "honest", folder / "run")
    return folder


@pytest.fixture
def here(stock, monkeypatch):
    monkeypatch.chdir(stock)
    yield stock
    shutil.rmtree("new", ignore_errors=True)


def _refused(capsys, words):
    capsys.readouterr()
    code = main(list(words))
    printed, error = capsys.readouterr()
    _check(code, printed, error)
    return error


def _check(code, printed, error):
    assert code == 2, error or printed
    assert len(error.strip().splitlines()) == 1 and error.startswith("pyrovae"), error
    assert len(error) < LONGEST and error.strip().isprintable(), error
    assert not [leak for leak in LEAKS if leak in error], error
    assert ": " in error and not error.strip().endswith(":"), error


def test_there_are_many():
    every = [bad.WORDS, bad.YAML, bad.DATA, bad.OWN, bad.OWN_CLASSES, bad.OWN_DATA,
             bad.OWN_OBJECTIVES, bad.RUN_WORDS, bad.TAMPERED, bad.RESUMED]  # fmt: skip
    assert sum(map(len, every)) > 600


@pytest.mark.parametrize("case", bad.WORDS)
def test_words(case, here, capsys):
    if bad.WORDS[case]:
        _refused(capsys, bad.WORDS[case])
    else:
        assert main([]) == 2


@pytest.mark.parametrize("case", bad.YAML)
def test_files(case, here, capsys):
    Path("file.yaml").write_text(bad.YAML[case])
    error = _refused(capsys, ["fit", "--config", "file.yaml", "--run", "new"])
    assert "Error:" not in error or "file.yaml" in error or "--model" in error, error


@pytest.mark.parametrize("case", bad.CASES_OF_DATA)
def test_data(case, here, capsys):
    _refused(capsys, bad.CASES_OF_DATA[case])


@pytest.mark.parametrize(("text", "words"), [
    pytest.param(text, [*start, option, name], id=f"{option[2:]} {case}")
    for texts, start, option, name in (
        (bad.OWN, bad.BARE, "--model", "own.py"),
        (bad.OWN_CLASSES, bad.BARE, "--model", "own.py:Own"),
        (bad.OWN_DATA, bad.FIT, "--data", "own.py:make"),
        (bad.OWN_OBJECTIVES, bad.FIT, "--objective", "own.py:make"),
    )
    for case, text in texts.items()
])  # fmt: skip
def test_code_of_ones_own(text, words, here, capsys):
    sys.modules.pop("pyrovae_user_own", None)
    Path("own.py").write_text(text)
    error = _refused(capsys, words)
    assert any(word in error for word in ("own.py", "'x'", "'z'", "site", "--model.width")), error


@pytest.mark.parametrize("case", bad.RUN_WORDS)
def test_words_of_other_commands(case, here, capsys):
    _refused(capsys, bad.RUN_WORDS[case])


@pytest.fixture
def tampered(here):
    shutil.rmtree("run")
    shutil.copytree("honest", "run")
    yield
    shutil.rmtree("run")
    shutil.copytree("honest", "run")


@pytest.mark.parametrize("case", bad.TAMPERED)
def test_tampered_runs(case, tampered, capsys):
    edited(bad.TAMPERED[case])
    _refused(capsys, ["evaluate", "run", "--num-particles", "2"])


@pytest.mark.parametrize("case", bad.RESUMED)
def test_tampered_runs_that_are_resumed(case, tampered, capsys):
    edited(bad.RESUMED[case])
    _refused(capsys, ["fit", "--run", "run", "--resume", "--epochs", "2"])


REAL = {
    "a seed": ["--seed", "4294967296"], "a device": ["--device", "meta"],
    "a model's exit": ["--model", "exits.py"], "an epsilon": ["--adam-eps", "inf"],
    "a name": ["--model", "VEA"], "huge data": ["--data", "huge.npy"],
}  # fmt: skip


@pytest.mark.parametrize("case", REAL)
def test_real_processes(case, here, tmp_path):
    Path("exits.py").write_text(bad.OWN["exits"])
    words = [*bad.BARE, "--model.latent_dim", "2", *REAL[case]]
    done = forked(command, *words, cwd=here, out=tmp_path, timeout=300)
    _check(done.returncode, done.stdout, done.stderr)

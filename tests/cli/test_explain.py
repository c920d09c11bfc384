"""What the command says of an error, and the exit code that it gives."""

from types import ModuleType

import pytest
import torch

from pyrovae.cli import main
from pyrovae.cli.explain import blamed_on, explain, one_line, own_line, wants_traceback
from pyrovae.errors import ConfigError


def _raised(code, name="pyrovae_user_mine", file="/elsewhere/mine.py"):
    """What a module of the user's own raises."""
    module = ModuleType(name)
    try:
        exec(compile(code, file, "exec"), vars(module))
    except BaseException as error:
        error.__traceback__ = error.__traceback__.tb_next  # without this test
        return error


def _of_library(code):
    return _raised(code, "pyrovae.nn.mlp", "/lib/pyrovae/nn/mlp.py")


@pytest.mark.parametrize(("error", "code", "said"), [
    (ConfigError("a\n b"), 2, "a b"),
    (KeyboardInterrupt(), 130, "--resume"),
    (BrokenPipeError(), 141, ""),
    (SystemExit(0), 0, ""),
    (SystemExit(3), 3, ""),
    (OSError(28, "No space left", "x.png"), 2, "x.png: No space left"),
    (MemoryError("Unable to allocate 2.91 TiB for an array"), 2, "a tensor of 2.91 TiB"),
    (_of_library("raise RuntimeError('mat1 and mat2\\nmore')"), 2, "RuntimeError: mat1 and mat2)"),
    (_of_library("None.nothing"), 1, "an error of pyrovae itself (AttributeError: 'NoneType'"),
    (_raised("\n1 / 0"), 2, "mine.py, line 2: ZeroDivisionError: division by zero"),
    (_raised("def f():\n    raise SystemExit(3)\nf()"), 2, "line 2, in f: it ends the process"),
    (_raised("raise SystemExit(0)"), 2, "it ends the process"),
    (_raised("raise KeyboardInterrupt"), 2, "mine.py, line 1: KeyboardInterrupt"),
    (_raised("None.nothing"), 2, "mine.py, line 1: AttributeError"),
    (_raised("import torch\ntorch.zeros(2) @ torch.zeros(3)"), 2, "mine.py, line 2: RuntimeError"),
])  # fmt: skip
def test_errors(error, code, said, tmp_path, monkeypatch):
    if "KeyboardInterrupt" in said:  # the line is read from the file
        (tmp_path / "mine.py").write_text("raise KeyboardInterrupt\n")
        monkeypatch.chdir(tmp_path)
        error = _raised("raise KeyboardInterrupt", file=str(tmp_path / "mine.py"))
    sentence, given = explain(error)
    assert given == code
    assert said in sentence if said else sentence == ""


def test_an_error_of_the_library_within_ones_own_code_is_its_own():
    error = _raised("from pyrovae.errors import ShapeError\nraise ShapeError('a shape')")
    assert explain(error) == ("a shape", 2)
    assert own_line(error) == "/elsewhere/mine.py, line 2"


def _within(code, name, **options):
    with blamed_on("--model VAE cannot be built", "correct it", **options):
        exec(compile(code, "/lib/file.py", "exec"), {"__name__": name})


@pytest.fixture
def as_library(monkeypatch):
    """This file, too, is the library."""
    monkeypatch.setitem(globals(), "__name__", "pyrovae.tests")


def test_blame(as_library):
    with pytest.raises(ConfigError, match=r"cannot be built \(TypeError: of a size\); correct"):
        _within("raise TypeError('of a size')", "pyrovae.nn.mlp")
    for kind in (AttributeError, MemoryError, KeyboardInterrupt):
        with pytest.raises(kind):
            _within(f"raise {kind.__name__}", "pyrovae.nn.mlp")
    with pytest.raises(ConfigError, match="AttributeError"):
        _within("raise AttributeError", "pyrovae.nn.mlp", is_own=True)
    with pytest.raises(ZeroDivisionError):
        _within("1 / 0", "mine")


def test_one_line():
    assert one_line("a\n  b\x1b[0m <x object at 0x7f12> c") == "a b?[0m <x object> c"


def test_a_traceback_is_shown_where_asked_for(capsys, monkeypatch):
    monkeypatch.delenv("PYROVAE_TRACEBACK", raising=False)
    words = ["fit", "--model", "VEA"]
    assert main(words) == 2 and "Traceback" not in capsys.readouterr().err
    assert main([*words, "--traceback"]) == 2
    error = capsys.readouterr().err
    assert "Traceback" in error and error.splitlines()[-1].startswith("pyrovae fit: --model VEA")
    monkeypatch.setenv("PYROVAE_TRACEBACK", "1")
    assert main(words) == 2 and "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("PYROVAE_TRACEBACK", "0")
    assert not wants_traceback([])


def test_an_error_of_the_library_is_told_from_a_wrong_value(capsys, monkeypatch):
    def broken(words):
        return torch.nothing

    monkeypatch.setattr("pyrovae.cli.fit.run_fit", broken)
    monkeypatch.setitem(broken.__globals__, "__name__", "pyrovae.cli.fit")
    assert main(["fit"]) == 1
    error = capsys.readouterr().err
    assert "error of pyrovae itself" in error and "--traceback" in error

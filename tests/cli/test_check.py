"""`pyrovae check FILE`: how the pair and the data are found, exit codes, crashes without noise."""

import json
from textwrap import dedent

import pytest

from pyrovae.cli import main

NETS = """
    import pyro, torch
    import pyro.distributions as dist
    from torch import nn
    enc, dec = nn.Linear(6, 4), nn.Linear(2, 6)
"""
PAIR = """
    def model(x):
        pyro.module("dec", dec)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(dec(z), 1.0).to_event(1), obs=x)
    def guide(x):
        pyro.module("enc", enc)
        with pyro.plate("data", len(x)):
            loc, log_scale = enc(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))
"""
DATA = "    x = torch.randn(20, 6)\n"
CLASS = """
    from pyrovae import VAE
    from pyrovae.nn import Normal
    class Mine(VAE):
        def __init__(self, data_shape):
            super().__init__(data_shape, 2, likelihood=Normal())
"""


@pytest.fixture
def check(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*parts, name="mine.py", words=("--quick",)):
        (tmp_path / "mine.py").write_text("".join(map(dedent, parts)))
        code = main(["check", name, *words])
        read = capsys.readouterr()
        return code, read.out, read.err

    return run


def test_functions_and_data_in_the_file(check):
    code, out, err = check(NETS, PAIR, DATA)
    assert (code, err) == (0, "")
    assert "nothing found" in out and "[20 | 6]" in out


def test_data_as_a_function_and_as_a_tuple(check):
    code, out, _ = check(NETS, PAIR, "    def batch():\n        return (torch.zeros(9, 6),)\n")
    assert code == 0 and "[9 | 6]" in out


def test_data_of_a_shape(check):
    code, out, _ = check(NETS, PAIR, words=("--shape", "6", "--limit", "7", "--quick"))
    assert code == 0 and "[7 | 6]" in out


def test_data_by_name(check):
    code, out, _ = check(CLASS, name="mine.py:Mine", words=("--data", "digits", "--quick"))
    assert code == 0 and "[64 | 1 8 8]" in out


def test_a_class_and_an_object(check):
    words = ("--shape", "2x3", "--quick")
    for extra, name in (
        ("", "mine.py:Mine"),
        ("", "mine.py"),
        ("    pair = Mine((2, 3))\n", "mine.py"),
        ("    def make():\n        return Mine((2, 3))\n", "mine.py:make"),
    ):
        code, out, err = check(CLASS, extra, name=name, words=words)
        assert code == 0 and "[64 | 2 3]" in out, err


def test_a_fault_gives_1(check):
    code, out, err = check(NETS, PAIR.replace("1.0).to_event(1), obs", "1.0), obs"), DATA)
    assert (code, err) == (1, "")
    assert "PV002 fault at 'x', mine.py:11" in out
    assert '+ pyro.sample("x", dist.Normal(dec(z), 1.0).to_event(1), obs=x)' in out
    code, out, _ = check(
        NETS, PAIR.replace("1.0).to_event(1), obs", "1.0), obs"), DATA,
        words=("--ignore", "PV0", "--quick"),
    )  # fmt: skip
    assert code == 0 and "1 ignored" in out


def test_a_warning_gives_1_if_strict(check):
    pair = PAIR.replace("enc(x)", "enc(torch.ones_like(x))")
    assert check(NETS, pair, DATA)[0] == 0
    assert check(NETS, pair, DATA, words=("--strict", "--quick"))[0] == 1


def test_a_crash_is_told_by_its_line(check):
    code, out, err = check(NETS, PAIR.replace("enc(x)", "enc(x[:, :3])"), DATA)
    assert code == 1 and "Traceback" not in out + err
    assert "PV001 fault at mine.py:15" in out and "mat1 and mat2" in out
    assert "> loc, log_scale = enc(x[:, :3]).chunk(2, -1)" in out


def test_a_file_that_cannot_be_read(check):
    code, out, err = check("    import torch\n    1 / 0\n", DATA)
    assert code == 2 and out == "" and "Traceback" not in err
    assert "mine.py, line 2" in err and "ZeroDivisionError" in err


@pytest.mark.parametrize(
    ("parts", "name", "words", "said"),
    [
        ((NETS, PAIR), "mine.py", (), "there are no data"),
        ((NETS, DATA), "mine.py", (), "the pair is not clear"),
        ((NETS, PAIR.partition("def guide")[0], DATA), "mine.py", (), "a `model` and no `guide`"),
        ((NETS, PAIR, DATA), "mine.py:other", (), "defines no 'other'"),
        ((NETS, PAIR, DATA), "theirs.py", (), "there is no such file"),
        ((NETS, PAIR), "mine.py", ("--shape", "a"), "give whole numbers"),
        ((NETS, PAIR, DATA), "mine.py:enc", (), "has no model and guide"),
    ],
)
def test_what_is_missing_is_said(check, parts, name, words, said):
    code, out, err = check(*parts, name=name, words=words)
    assert code == 2 and said in err and out == ""


def test_codes_and_json(check, tmp_path):
    code, out, _ = check(NETS, words=("--codes",))
    assert code == 0 and "PV215" in out and "PV6xx" in out
    check(NETS, PAIR, DATA, words=("--json", "found.json", "--quick"))
    assert json.loads((tmp_path / "found.json").read_text())["verdict"] == "nothing found"


def test_a_run_folder(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fit = ["fit", "--data", "digits", "--model", "VAE", "--model.latent_dim", "2", "--epochs", "1",
           "--model.likelihood", "Binomial", "--model.likelihood.total_count", "16",
           "--test-particles", "0", "--run", "run"]  # fmt: skip
    assert main(fit) == 0
    capsys.readouterr()
    assert main(["check", "run", "--quick"]) == 0
    assert "nothing found" in capsys.readouterr().out


def test_a_file_finds_those_beside_it_and_no_words_of_the_command(check, tmp_path):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "attacked_sibling.py").write_text("WIDTH = 6\n")
    program = (
        NETS
        + "    import sys\n    from attacked_sibling import WIDTH\n    assert len(sys.argv) == 1\n"
    )
    path = tmp_path / "beside" / "a.py.b-1.py"
    path.write_text("".join(map(dedent, (program, PAIR, DATA))))
    code, out, err = check(name=str(path))
    assert (code, err) == (0, "") and "nothing found" in out


def test_so_many_data_of_a_file(check):
    code, out, _ = check(NETS, PAIR, DATA, words=("--quick", "--limit", "3"))
    assert code == 0 and "[3 | 6]" in out


def test_a_function_of_the_file_that_needs_arguments_is_no_data(check):
    code, _, err = check(NETS, PAIR, "    def x(n):\n        return torch.zeros(n, 6)\n")
    assert code == 2 and "there are no data" in err


def test_wrong_codes_and_devices(check):
    code, _, err = check(NETS, PAIR, DATA, words=("--quick", "--ignore", "PV999"))
    assert code == 2 and "no code begins so" in err
    code, _, err = check(NETS, PAIR, DATA, words=("--quick", "--device", "mars"))
    assert code == 2 and "mars" in err

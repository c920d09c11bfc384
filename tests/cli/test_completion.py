"""A shell completes commands, options and names."""

import subprocess

import pytest

from pyrovae.cli import COMMANDS, main
from tests.cli.commands import refused

ASK = """
source ./script
COMP_WORDS=({words})
COMP_CWORD={place}
_shtab_pyrovae
echo "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def completed(here, capsys):
    pytest.importorskip("shtab")
    assert main(["--completion", "bash"]) == 0
    (here / "script").write_text(capsys.readouterr().out)

    def complete(*words):
        script = ASK.format(words=" ".join(repr(word) for word in words), place=len(words) - 1)
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=60, cwd=here
        )
        return done.stdout.split()

    return complete


def test_what_bash_completes(completed):
    assert set(completed("pyrovae", "")) >= set(COMMANDS)
    assert completed("pyrovae", "fit", "--patie") == ["--patience"]
    assert completed("pyrovae", "fit", "--data", "fash") == ["fashion_mnist"]
    assert completed("pyrovae", "fit", "--model.encoder", "ConvE") == ["ConvEncoder"]
    assert completed("pyrovae", "fit", "--precision", "bf") == ["bf16"]
    assert completed("pyrovae", "traverse", "--uni") == ["--units"]


def test_another_shell(capsys):
    pytest.importorskip("shtab")
    assert "choose bash" in refused(capsys, "--completion", "csh7")


def test_without_the_package(capsys, monkeypatch):
    monkeypatch.setattr("pyrovae.cli.completion.find_spec", lambda name: None)
    assert "pip install shtab" in refused(capsys, "--completion", "bash")

"""The README's commands: each is read, and those that train a net run on the digits, smaller."""

import re
import shlex
from pathlib import Path

import pytest

from pyrovae.cli import COMMANDS, main
from pyrovae.cli.config import parse
from pyrovae.cli.fit_options import fit_parser

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
FENCES = re.findall(r"^```(\w*)\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
BLOCKS = [block for language, block in FENCES if language in ("", "sh", "bash", "console")]


def _commands(block):
    """The commands of a block, each in one line."""
    lines = re.sub(r"\\\n\s*", "", block).splitlines()
    return [line for line in lines if re.match(r"(\$ )?(pyrovae|torchrun|make|python) ", line)]


EVERY = [line for block in BLOCKS for line in _commands(block)]
FITS = [line for line in EVERY if "pyrovae fit" in line]

# What makes them small: other data, smaller networks, fewer passes and particles.
SMALLER = {
    "--data mnist --data-root DIR": "--data digits",
    "--model.latent_dim 50": "--model.latent_dim 2",
    "[200,200]": "[8]", "--epochs 50": "--epochs 1 --test-particles 2 --batch-size 600",
    "--epochs 20 --seeds 0 1": "--epochs 1 --seeds 0 --limit 20 --evidence-particles 2",
    "--num-particles 5000": "--num-particles 2", "--num-particles 16 --truth ais":
    "--num-particles 2 --truth ais --temperatures 3 --chains 2 --limit 4 --draws 4 "
    "--evidence-particles 2",
}  # fmt: skip


def test_there_are_commands():
    assert {line.split()[1] for line in EVERY if line.startswith("pyrovae")} >= {
        "fit", "evaluate", "compare", "compare-training", "sample", "reconstruct", "traverse",
    }  # fmt: skip
    assert any(line.startswith("torchrun") for line in EVERY)


@pytest.mark.parametrize("line", FITS)
def test_its_options_are_there(line, monkeypatch):
    monkeypatch.chdir(ROOT)  # where examples/ are
    words = shlex.split(line.partition("pyrovae fit")[2])
    names = [word for word in words if word.startswith("examples/")]
    assert all(Path(name).is_file() for name in names)
    config = parse(fit_parser(), words)
    assert config.run is None or config.run.startswith(("runs/", "FOLDER"))


@pytest.mark.parametrize("line", [line for line in EVERY if line.startswith("pyrovae ")])
def test_its_commands_have_these_options(line, capsys):
    command, *words = shlex.split(line)[1:]
    assert command in COMMANDS
    assert main([command, "--help"]) == 0
    listed = capsys.readouterr().out
    for word in words:
        if word.startswith("--") and "." not in word:
            assert re.search(rf"{word}\b", listed), f"{command} has no {word}"


def test_the_commands_run_one_after_another(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    block = next(block for block in BLOCKS if "pyrovae sample runs/mnist" in block)
    for line in _commands(block):
        small = line
        for before, after in SMALLER.items():
            small = small.replace(before, after)
        assert main(shlex.split(small)[1:]) == 0, (small, capsys.readouterr().err)
    made = {path.name for path in Path("runs/mnist").iterdir()}
    assert {"sample.png", "reconstruct.png", "traverse.png", "compare.csv"} <= made

"""The page on the command line: its commands run one after another on the digits, smaller."""

import shlex
from pathlib import Path

import pytest

from pyrovae.cli import main

from .pages import DOCS, blocks, commands_of

pytestmark = pytest.mark.usefixtures("sketched")

PAGE = DOCS / "how_to" / "command_line.md"

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

LAST = {  # what is added to a command of runs that begin at another
    "fit": ["--epochs", "1", "--test-particles", "2", "--data.val_size", "40",
            "--data.test_size", "60"],  # what is measured costs more than the training
    "evaluate": ["--num-particles", "2"],
}  # fmt: skip


def block_with(holds):
    (block,) = (block for block in blocks(PAGE) if holds in block.code)
    return commands_of(block)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_commands_run_one_after_another(capsys):
    for line in block_with("pyrovae sample runs/mnist"):
        for full, small in SMALLER.items():
            line = line.replace(full, small)
        assert main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr().err)
    made = {path.name for path in Path("runs/mnist").iterdir()}
    assert {"sample.png", "reconstruct.png", "traverse.png", "compare.csv"} <= made


def test_runs_that_begin_at_another():
    for line in block_with("--from runs/codes"):
        words = shlex.split(line)[1:]
        assert main([*words, *LAST.get(words[0], [])]) == 0, line

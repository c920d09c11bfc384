"""The page "What can I do with it": its code runs, its commands parse, its pictures are there."""

import re
import shlex
from pathlib import Path

import pytest

from pyrovae import apply
from pyrovae.cli import COMMANDS, main

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "what_can_i_do_with_it.md").read_text()
FENCED = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
BLOCKS = [block for language, block in FENCED if language == "python"]
SHELL = [
    line
    for language, block in FENCED
    for line in block.splitlines()
    if not language and line.startswith("pyrovae ")
]

_MCMC = "num_steps=8, num_leapfrog=1, num_particles=8, num_completions=2"

# Smaller budgets, in the blocks as they stand: text, and what takes its place.
SMALLER = [
    ("epochs=50", "epochs=1, progress=False"),
    ("complete(vae, digits.test.x,", f"complete(vae, digits.test.x[:4], {_MCMC},"),
    ("super_resolve(vae, digits.test.x,", f"super_resolve(vae, digits.test.x[:4], {_MCMC},"),
    ("denoise(vae, digits.test.x,", "denoise(vae, digits.test.x[:4], num_steps=8, num_moves=2,"),
    ("print(interpolate(vae, digits.test.x", "print(interpolate(vae, digits.test.x[:4]"),
    ("foreign=1 - digits.test.x", "foreign=1 - digits.test.x, scores=['elbo']"),
    ("num_labelled=[50, 100, 500]", "num_labelled=[50], num_repeats=1"),
    ("digits.test.x, statistics", "digits.test.x[:20], replicates=20, statistics"),
    ("check_calibration(vae, digits.test.x", "check_calibration(vae, digits.test.x[:30]"),
]


def first_lines(block):
    """What names a block in the report of a test."""
    return block.strip().splitlines()[0][:60]


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """The names that the page's first block makes, which the others use."""
    names: dict[str, object] = {}
    exec(smaller(BLOCKS[0]), names)
    return names


def smaller(block):
    for full, small in SMALLER:
        block = block.replace(full, small)
    return block


@pytest.mark.parametrize("block", BLOCKS[1:], ids=first_lines)
def test_code(block, names, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(smaller(block), dict(names))


@pytest.mark.parametrize("line", SHELL)
def test_commands(line, capsys):
    command, *words = shlex.split(line.split("#")[0])[1:]
    assert command in COMMANDS, line
    chosen = words if command == "fit" else []  # its options depend on the model
    assert main([command, *chosen, "--help"]) == 0
    told = capsys.readouterr().out
    for word in words:
        if word.startswith("--"):
            assert word.partition("=")[0] in told, f"{line}: {command} has no option {word}"


def test_every_command_of_a_use_is_on_the_page():
    shown = {shlex.split(line)[1] for line in SHELL}
    assert set(apply.COMMANDS) <= shown, set(apply.COMMANDS) - shown


def test_pictures_and_links():
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", PAGE)
    sections = re.findall(r"^## ", PAGE, re.MULTILINE)
    assert len(pictures) >= len(sections)
    for target in pictures + re.findall(r"(?<!!)\[.+?\]\(([^)#]+)\)", PAGE):
        if "://" not in target:
            assert (DOCS / target).exists(), target
    for picture in pictures:
        assert (DOCS / picture).stat().st_size < 120_000, picture


def test_every_section_has_a_picture_code_and_no_more_than_six_lines_of_it():
    for section in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        assert "![" in section and "```python" in section, title
        for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
            assert len([line for line in block.splitlines() if line.strip()]) <= 8, title

"""The pages of the documentation: code runs, commands parse, links lead somewhere."""

import re
import shlex

import pytest

import pyrovae
from pyrovae import apply, data
from pyrovae.cli import COMMANDS, main
from pyrovae.cli.config import parse
from pyrovae.cli.fit_options import fit_parser

from .pages import CAPS, DOCS, GIVEN, PAGES, ROOT, blocks, capped, commands, few, python_blocks

WITH_CODE = [page for page in PAGES if python_blocks(page)]
COMMAND_LINES = sorted({line for page in PAGES for line in commands(page)})
USES = DOCS / "what_can_i_do_with_it.md"


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.fixture
def small(monkeypatch, tmp_path):
    """What takes long takes less, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    for name, caps in CAPS.items():
        monkeypatch.setattr(pyrovae, name, capped(getattr(pyrovae, name), caps))
    for name in ("digits", "mnist_sample"):
        monkeypatch.setattr(data, name, few(getattr(data, name)))


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_code(page, small, capsys):
    names: dict[str, object] = {}
    for block in python_blocks(page):
        if block.is_run:
            names |= GIVEN[block.given]() if block.given else {}
            exec(block.compiled(), names)


def test_every_block_has_a_language_that_says_what_is_done_with_it():
    for page in PAGES:
        for block in blocks(page):
            place = f"{name_of(page)}, line {block.line}"
            known = ("python", "sh", "text", "bibtex", "yaml")
            assert block.language in known or block.language.startswith("{"), place
            assert block.is_run or len(block.note) > len("not run: needs"), place


def test_a_page_that_is_wrong_is_found(small, tmp_path, monkeypatch):
    page = tmp_path / "wrong.md"
    page.write_text("```python\nfrom pyrovae import fit\n\nfit(nothing)\n```\n")
    monkeypatch.setattr("tests.pages.ROOT", tmp_path)
    with pytest.raises(NameError, match="nothing") as failed:
        test_code(page, small, None)
    assert failed.traceback[-1].lineno == 3 and failed.traceback[-1].path.name == "wrong.md"


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_commands(line, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)  # where examples/ are
    program, *words = shlex.split(line)
    if program in ("make", "pip", "torchrun", "git", "python"):
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert program != "make" or words[0] in targets, line
    if "--resume" in line and "--config" not in line:
        line += " --model.latent_dim 8"  # what the run has
    if "pyrovae fit" in line:
        parse(fit_parser(), shlex.split(line.partition("pyrovae fit")[2]))
    elif program == "pyrovae" and not words[0].startswith("--"):
        command, *options = words
        assert command in COMMANDS, line
        assert main([command, "--help"]) == 0
        told = capsys.readouterr().out
        for option in options:
            if option.startswith("--") and "." not in option:
                assert re.search(rf"{option.partition('=')[0]}\b", told), f"{line}: {option}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_pictures(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).is_file(), f"{name_of(page)}: {target}"
    for picture in re.findall(r"!\[[^\]]+\]\(([^)\s]+)\)", page.read_text()):
        assert (page.parent / picture).stat().st_size < 250_000, picture


def test_every_page_is_in_a_table_of_contents():
    shown = {
        (page.parent / entry).resolve()
        for page in PAGES
        for block in blocks(page)
        if block.language == "{toctree}"
        for line in block.code.splitlines()
        if line and not line.startswith(":")
        for entry in _entries(page.parent, line)
    }
    for page in PAGES[1:]:
        assert page == DOCS / "index.md" or page.with_suffix("") in shown, name_of(page)


def _entries(folder, line):
    return [p.with_suffix("") for p in folder.glob(f"{line}.md")] if "*" in line else [line]


def test_every_command_of_a_use_is_on_its_page():
    shown = {shlex.split(line)[1] for line in commands(USES)}
    assert set(apply.COMMANDS) <= shown, set(apply.COMMANDS) - shown


def test_every_section_of_uses_has_a_picture_and_little_code():
    for section in re.split(r"^## ", USES.read_text(), flags=re.MULTILINE)[1:]:
        title = section.splitlines()[0]
        assert "![" in section and "```python" in section, title
        for block in re.findall(r"```python\n(.*?)```", section, re.DOTALL):
            assert len([line for line in block.splitlines() if line.strip()]) <= 8, title

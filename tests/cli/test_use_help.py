"""`pyrovae USE --help`: every option of every use says what it does."""

import inspect

import pytest

from pyrovae import apply
from pyrovae.cli import main
from pyrovae.cli.use import _options


@pytest.mark.parametrize("use", apply.COMMANDS)
def test_help_is_of_the_options(use, capsys):
    assert main([use, "--help"]) == 0
    told = capsys.readouterr().out
    for section in ("Args:", "Raises:", "Source:", "Example:"):
        assert section not in told
    lines = told.split("\n  --")
    for option in _options(getattr(apply, use.replace("-", "_"))):
        words = next(line for line in lines if line.startswith(option.replace("_", "-")))
        assert len(inspect.cleandoc(words).split()) > 4, words

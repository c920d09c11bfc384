"""The help of the commands, as a newcomer reads it."""

import pytest

from pyrovae.cli import COMMANDS, main
from pyrovae.cli.wanted import wanted


def test_the_library_is_silent_and_the_help_is_short(capsys):
    assert main(["fit", "--data", "mnist", "--objective", "Renyi", "--help"]) == 0
    printed = capsys.readouterr().out
    for option in ("--data.binarize", "--model.latent_dim", "--objective.alpha", "--epochs"):
        assert option in printed
    assert "quantized" not in printed, "lists every torch module"
    assert len(printed.splitlines()) < 240
    assert main(["--help"]) == 0
    assert "reconstruct" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_short_usage_and_no_python_types(command, capsys):
    assert main([command, "--help"]) == 0
    usage, printed = capsys.readouterr().out.split("\n\n", 1)
    assert usage.startswith(f"usage: pyrovae {command} ") and len(usage.splitlines()) == 1
    for word in ("<class", "typing", "PositiveInt", "Literal[", "null", ".help", "NestedArg"):
        assert word not in printed, word


@pytest.mark.parametrize(("annotation", "words"), [
    (int, "a whole number"),
    (float | None, "a number"),
    (list[int], "a list, each item a whole number"),
    (dict[str, float], "a mapping, each value a number"),
])  # fmt: skip
def test_what_an_annotation_needs_in_words(annotation, words):
    assert wanted(annotation) == words

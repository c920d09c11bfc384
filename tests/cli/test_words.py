"""Words of the command line, before they are parsed."""

import argparse

import pytest

from pyrovae.cli.words import check_words, given_options, take_undone
from pyrovae.errors import ConfigError


@pytest.fixture
def actions():
    parser = argparse.ArgumentParser()
    return [
        parser.add_argument("--patience", type=int),
        parser.add_argument("--epochs", type=int, default=100),
        parser.add_argument("--only", nargs="+"),
        parser.add_argument("--drop-last", action="store_true"),
    ]


def test_options_and_their_values():
    words = ["run", "--a", "1", "--b=2", "--c", "--d=", "--e", "-1", "2"]
    found = [(given.option, given.value) for given in given_options(words)]
    assert found == [("a", "1"), ("b", "2"), ("c", None), ("d", ""), ("e", "-1")]
    for given in given_options(words):
        assert words[given.start].startswith(f"--{given.option}")


@pytest.mark.parametrize(("words", "rest", "undone"), [
    (["--patience", "none"], [], {"patience": None}),
    (["--patience=null", "--epochs", "3"], ["--epochs", "3"], {"patience": None}),
    (["--patience", "5", "--patience", "None"], [], {"patience": None}),
    (["--patience", "none", "--patience", "5"], ["--patience", "5"], {"patience": None}),
    (["--epochs", "none"], ["--epochs", "none"], {}),
    (["--only", "none"], [], {"only": None}),
    (["--drop-last", "false"], [], {"drop_last": False}),
    (["--drop-last=true"], [], {"drop_last": True}),
    (["--drop-last", "--patience", "5"], ["--drop-last", "--patience", "5"], {}),
    (["--other", "none"], ["--other", "none"], {}),
])  # fmt: skip
def test_what_is_undone(words, rest, undone, actions):
    assert take_undone(words, actions) == (rest, undone)


@pytest.mark.parametrize(("words", "said"), [
    (["--only", "a", "--only", "b"], "--only is given 2 times"),
    (["--patience", ""], "--patience is given an empty text"),
    (["--patience="], "--patience is given an empty text"),
    ([""], "the first word is given an empty text"),
])  # fmt: skip
def test_what_is_refused(words, said, actions):
    with pytest.raises(ConfigError, match=said):
        check_words(words, actions)


def test_what_passes(actions):
    check_words(["--only", "a", "b", "--epochs", "1", "--epochs", "2", "--drop-last"], actions)

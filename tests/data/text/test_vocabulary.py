"""Vocabularies: there and back, JSON, and what they refuse."""

import json

import pytest
import torch

from pyrovae.data import Vocabulary
from pyrovae.errors import ConfigError, DataError

TEXTS = ["Ada, née 1815.", "", "it's a well-known case (see below)!"]


@pytest.mark.parametrize("unit", ["character", "byte", "word"])
def test_text_there_and_back(unit):
    vocabulary = Vocabulary.of(TEXTS, unit)
    x = vocabulary.encode(TEXTS)
    assert vocabulary.decode(x) == TEXTS
    ends = (x == 1).int()
    assert torch.equal(ends.sum(1), torch.ones(3, dtype=torch.int64))
    after = ends.cumsum(1) - ends  # one behind the end
    assert torch.equal(x == 0, after.bool())
    assert vocabulary.decode(vocabulary.encode(TEXTS, 100)) == TEXTS


@pytest.mark.parametrize("unit", ["character", "byte", "word"])
def test_json_gives_the_same(unit):
    vocabulary = Vocabulary.of(TEXTS, unit, lower=True)
    written = json.dumps(vocabulary.to_json())
    for given in (written, json.loads(written), vocabulary):
        again = Vocabulary.from_json(given)
        assert again == vocabulary and hash(again) == hash(vocabulary)
        assert torch.equal(again.encode(TEXTS), vocabulary.encode(TEXTS))
    assert vocabulary != Vocabulary.of(TEXTS, unit)


def test_what_is_not_known():
    words = Vocabulary.of(["a b b c c c"], "word", min_count=2)
    assert words.entries == ("c", "b") and len(words) == 6
    x = words.encode(["c a b"])
    assert x.tolist() == [[4, 3, 5, 1]]
    assert words.decode(x) == ["c <unknown> b"]
    assert Vocabulary.of(["a b b c c c"], "word", max_size=1).entries == ("c",)
    assert Vocabulary.of(["ab"]).decode(torch.tensor([[4, 3, 5]])) == ["a\ufffdb"]


@pytest.mark.parametrize(
    "text",
    [
        "cafe\u0301 nai\u0308ve",
        "हिन्दी में",
        "می\u200cخواهم",
        "שָׁלוֹם",
        "l’été d’or",
        "👩🏽\u200d🚀 ❤\ufe0f 🇫🇷 🇪🇸",
    ],
)
def test_what_unicode_puts_on_a_letter_is_of_its_word(text):
    words = Vocabulary.of([text], "word")
    assert words.parts(text) == text.split()
    assert words.decode(words.encode([text])) == [text]


def test_bytes_that_are_no_text_are_seen():
    codes = torch.tensor([[101, 3, 102, 259, 103, 1, 0]])  # a, not known, b, 0xff, c
    assert Vocabulary(unit="byte").decode(codes) == ["a\ufffdb\ufffdc"]


def test_one_text_is_a_text():
    words = Vocabulary.of("the cat", "word")
    assert words.entries == ("cat", "the") and words.encode("the cat").tolist() == [[5, 4, 1]]


def test_codes_of_any_shape_and_type():
    letters = Vocabulary(["a"])
    assert (
        letters.decode(torch.tensor([[4.0, 1.0]])) == letters.decode(torch.tensor([4, 1])) == ["a"]
    )
    assert letters.decode(torch.zeros(2, 0, dtype=torch.int32)) == ["", ""]


def test_lower_case():
    assert Vocabulary.of(["aB"], lower=True).encode(["Ab"]).tolist() == [[4, 5, 1]]


def test_nothing_to_encode():
    assert Vocabulary.of(["ab"]).encode([], 5).shape == (0, 5)


def nested():
    found = []
    for _ in range(99_999):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: Vocabulary.of([""]), DataError, "no character occurs"),
        (lambda: Vocabulary.of(["a"], "byte", min_count=2), ConfigError, "all 256 bytes"),
        (lambda: Vocabulary.of(["a"], min_count=0), ConfigError, "min_count=0"),
        (lambda: Vocabulary(["a"], "letter"), ConfigError, "unit='letter'"),
        (lambda: Vocabulary(["a", "a"]), ConfigError, "'a' is there twice"),
        (lambda: Vocabulary(["ab"]), ConfigError, "'ab' is no character"),
        (lambda: Vocabulary(["a"], "byte"), ConfigError, "no entries"),
        (lambda: Vocabulary(["a"]).encode(["a", "aaa"], 3), DataError, "text 1, 'aaa'.*length=4"),
        (lambda: Vocabulary(["a"]).decode(torch.tensor([[9]])), DataError, "0 to 4"),
        (lambda: Vocabulary.from_json({"columns": []}), ConfigError, "is no vocabulary"),
        (lambda: Vocabulary.from_json("nonsense"), ConfigError, "is no vocabulary"),
        (lambda: Vocabulary.from_json({"unit": "word", "entries": 3}), ConfigError, "list"),
        (
            lambda: Vocabulary.from_json({"unit": "word", "entries": [["a"]]}),
            ConfigError,
            "no word",
        ),
        (lambda: Vocabulary.from_json("[" * 99_999), ConfigError, "is no vocabulary"),
        (lambda: Vocabulary.from_json(nested()), ConfigError, "is no vocabulary"),
        (
            lambda: Vocabulary.from_json({"unit": "word", "entries": nested()}),
            ConfigError,
            "no word",
        ),
        (
            lambda: Vocabulary.from_json({"unit": "word", "entries": ["a"], "lower": "no"}),
            ConfigError,
            "lower is 'no'",
        ),
        (lambda: Vocabulary(["a"]).encode([b"a"]), DataError, "of type bytes"),
        (lambda: Vocabulary(["a"]).encode([None]), DataError, "NoneType"),
        (lambda: Vocabulary.of([3]), DataError, "got '3' of type int"),
        (lambda: Vocabulary(["a"]).decode(torch.tensor([[4.5]])), DataError, "whole numbers"),
        (lambda: Vocabulary(["a"]).decode(torch.tensor(4)), DataError, r"\[N, T\]"),
    ],
)
def test_errors_say_what_to_do(call, error, words):
    with pytest.raises(error, match=words):
        call()

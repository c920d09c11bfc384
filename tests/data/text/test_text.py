"""Texts as data sets: what is kept, what is supplied, and which line is wrong."""

import json

import pytest
import torch

from pyrovae import data
from pyrovae.data import Vocabulary
from pyrovae.errors import ConfigError, DataError

LINES = [f"{a} {b}{c}" for a in ("abc", "de") for b in "xy" for c in ("", " f")] * 3


def _all(found):
    split = torch.cat([found.train.x, found.val.x, found.test.x])
    return sorted(Vocabulary.from_json(found.supplies["vocabulary"]).decode(split))


@pytest.mark.parametrize("unit", ["character", "byte", "word"])
def test_a_file_and_its_lines_are_the_same_data(tmp_path, unit):
    file = tmp_path / "lines.txt"
    file.write_bytes(("\ufeff" + "\r\n".join(LINES) + "\r\n").encode())
    read = data.text(file, unit=unit, seed=3)
    given = data.text(LINES, unit=unit, seed=3)
    assert torch.equal(read.train.x, given.train.x) and torch.equal(read.test.x, given.test.x)
    assert _all(read) == sorted(LINES)
    assert [len(s) for s in (read.train, read.val, read.test)] == [20, 2, 2]
    assert json.loads(json.dumps(read.supplies)) == read.supplies
    longest = {"character": 7, "byte": 7, "word": 3}[unit]
    assert list(read.train.shape) == [longest + 1]


def test_the_vocabulary_is_of_the_training_texts():
    found = data.text(["ab", "ba", "aab", "bx"], val_size=0, test_size=1, seed=1)
    vocabulary = Vocabulary.from_json(found.supplies["vocabulary"])
    train = "".join(vocabulary.decode(found.train.x))
    assert set(vocabulary.entries) == set(train)
    test = vocabulary.decode(found.test.x)[0]
    assert found.info["unknown"] == test.count("\ufffd") / len(test) > 0


def test_classes_become_y(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text("good\tyes yes\nbad\tno\ngood\tyes\n")
    found = data.text(file, classes=True, unit="word", val_size=0, test_size=0)
    assert found.info["classes"] == ["bad", "good"]
    vocabulary = Vocabulary.from_json(found.supplies["vocabulary"])
    by_text = dict(zip(vocabulary.decode(found.train.x), found.train.y.tolist(), strict=True))
    assert by_text == {"yes yes": 1, "no": 0, "yes": 1}


def test_unfit_lines_are_left_out_and_counted():
    found = data.text(["ab", "", "abcd", "b"], max_length=2, unfit="skip", val_size=0, test_size=0)
    assert _all(found) == ["ab", "b"] and found.info["skipped"] == 2


def test_a_known_vocabulary_is_kept():
    known = data.text(LINES, unit="word", lower=True).supplies["vocabulary"]
    again = data.text(["DE f", "abc y"], vocabulary=known, val_size=0, test_size=0)
    assert again.supplies["vocabulary"] == known and _all(again) == ["abc y", "de f"]


def test_one_line_that_makes_all_rows_wide():
    lines = ["ada"] * 2_000 + ["a" * 1_000_000]
    with pytest.raises(DataError, match="line 2001 has 1,000,000 characters, and half .* most 3"):
        data.text(lines)
    assert len(data.text(lines, max_length=9, unfit="skip").train.x) == 1_600


def test_names_of_a_folder(tmp_path, monkeypatch):
    (tmp_path / "names.txt").write_text("anna\notto\nemma\n")
    for root in (tmp_path, None):
        monkeypatch.setenv("PYROVAE_DATA", str(tmp_path))
        found = data.names(root, val_size=1, test_size=1)
        assert found.name == "names" and _all(found)
    monkeypatch.setenv("PYROVAE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"no file .*names\.txt; give as root="):
        data.names()


def test_text_of_python_itself():
    words = data.python_words()
    assert len(words.train) > 1000 and words.train.shape == (11,)
    sentences = data.python_sentences()
    assert len(sentences.train) > 50 and sentences.train.shape == (13,)
    assert 0 < sentences.info["unknown"] < 0.5


@pytest.mark.parametrize(
    ("content", "options", "error", "words"),
    [
        (b"", {}, DataError, "lines.txt is empty"),
        (b"ab\n\ncd\n", {}, DataError, "line 2, '', is empty"),
        (b"ab\ncd\xe9\n", {}, DataError, r"line 2 .* not UTF-8 \(byte 3 is 0xe9\).*iconv"),
        ("ab\n".encode("utf-16"), {}, DataError, "is UTF-16 and not UTF-8"),
        (b"ab\nabc\n", {"max_length": 2}, DataError, "line 2, 'abc', has 3 characters"),
        (b"\n\n", {"unfit": "skip"}, DataError, "none of the 2 lines is left"),
        (b"a\tb\nab\n", {"classes": True}, DataError, "line 2, 'ab', has no class"),
        (b"ab\n", {"val_size": 1}, DataError, "1 rows for val"),
        (b"ab\ncd\n", {"val_size": 0.5}, DataError, "0.5 rows for val .* give whole numbers"),
        (b"ab\n", {"unfit": "drop"}, ConfigError, "unfit='drop'"),
        (b"ab\n", {"unit": "letter"}, ConfigError, "unit='letter'"),
        (b"ab\n", {"max_length": 0}, ConfigError, "max_length=0"),
        (b"ab\n", {"vocabulary": {"unit": "character", "entries": ["x"]}}, DataError,
         "100% of the characters"),
        (b"ab\n", {"vocabulary": {"unit": "character", "entries": ["a"]}, "unit": "word"},
         ConfigError, "leave them out"),
    ],
)  # fmt: skip
def test_errors_name_the_place(tmp_path, content, options, error, words):
    file = tmp_path / "lines.txt"
    file.write_bytes(content)
    with pytest.raises(error, match=words):
        data.text(file, **options)


def test_what_is_no_text():
    with pytest.raises(DataError, match="there is no file"):
        data.text("some words")
    with pytest.raises(DataError, match="there is no file 'many words"):
        data.text("many words " * 1000)
    with pytest.raises(DataError, match="got int; give the path"):
        data.text(3)
    with pytest.raises(DataError, match="got no texts"):
        data.text([])
    with pytest.raises(DataError, match="item 1 is int"):
        data.text(["a", 3])

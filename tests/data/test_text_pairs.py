"""Pairs of texts from a file and from a list, and the errors of what is no pair."""

import pytest
import torch

from pyrovae.data import DateFormats, Vocabulary, dates, text_pairs
from pyrovae.errors import ConfigError, DataError

PAIRS = [(f"n {i} of 0123456789", f"{i} is {i % 7}") for i in range(30)]


def texts(data):
    """The pairs of each split, read back."""
    vocabulary = Vocabulary.from_json(data.supplies["vocabulary"])
    return [
        list(zip(vocabulary.decode(split.y), vocabulary.decode(split.x), strict=True))
        for split in (data.train, data.val, data.test)
    ]


def test_nothing_is_lost_and_each_pair_is_in_one_split(tmp_path):
    path = tmp_path / "sums.txt"
    path.write_text("\n".join("\t".join(pair) for pair in PAIRS) + "\n\n", encoding="utf-8")
    one, other = (
        text_pairs(PAIRS, val=4, test=0.2, seed=1),
        text_pairs(path, val=4, test=6, seed=1),
    )
    assert other.name == "sums" and torch.equal(one.train.x, other.train.x)
    splits = texts(one)
    assert [len(split) for split in splits] == [20, 4, 6]
    assert sorted(sum(splits, [])) == sorted(PAIRS)


def test_the_vocabulary_is_of_the_training_alone():
    data = text_pairs([("a", "b")] * 8 + [("y", "z")], val=0, test=1, seed=0)
    known = Vocabulary.from_json(data.supplies["vocabulary"]).entries
    in_test = texts(data)[2]
    assert ("z" in known) == (in_test == [("a", "b")])


def test_words_and_lower_case():
    data = text_pairs([("One Two", "Two one")] * 5, unit="word", lower=True, val=1, test=1)
    assert data.shape == (3,) and texts(data)[0][0] == ("one two", "two one")


def test_dates_are_pairs_of_the_task():
    data = dates(400, val=50, test=50, seed=2)
    task, (train, val, test) = DateFormats(), texts(data)
    assert [len(split) for split in (train, val, test)] == [300, 50, 50]
    assert bool(task.log_prob(train + val + test).isfinite().all())
    assert not {source for source, _ in train} & {source for source, _ in test}


@pytest.mark.parametrize(
    ("pairs", "options", "error", "says"),
    [
        ([("a", "b"), ("a",)], {}, DataError, r"pair 1 is \('a',\)"),
        (["ab", "cd"], {}, DataError, "pair 0 is 'ab'"),
        ([("a", 1)], {}, DataError, "give two texts"),
        ([("a", "b")] * 9, {"val": 1.5}, ConfigError, "val=1.5 is no share"),
        ([("a", "b")], {"val": 1, "test": 0}, DataError, "leave rows for train"),
        ("nowhere.txt", {}, DataError, "there is no file"),
    ],
)
def test_refusals(pairs, options, error, says):
    with pytest.raises(error, match=says):
        text_pairs(pairs, **options)


def test_a_line_without_a_tab(tmp_path):
    path = tmp_path / "pairs.txt"
    path.write_text("a\tb\nc d\n")
    with pytest.raises(DataError, match="line 2 of .*pairs.txt has 0 tabs"):
        text_pairs(path)
    path.write_bytes(b"\xef\xbb\xbfa\tb\r\nc\td\r\n")  # as editors of Windows write it
    found = text_pairs(path, val=0, test=0)
    assert found.supplies["vocabulary"]["entries"] == ["a", "b", "c", "d"]
    path.write_bytes(b"a\tb\xff\n")
    with pytest.raises(DataError, match="UTF-8"):
        text_pairs(path)

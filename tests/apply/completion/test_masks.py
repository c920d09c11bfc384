"""Masks in words: what they hide, and which words there are."""

import pytest
import torch

from pyrovae.apply.completion.masks import as_mask, mask_in_words
from pyrovae.errors import ConfigError, DataError, ShapeError

SHAPE = (50, 1, 4, 6)


@pytest.mark.parametrize(
    ("words", "hidden"),
    [
        ("bottom half", (slice(2, 4), slice(0, 6))),
        ("lower-half", (slice(2, 4), slice(0, 6))),
        ("Top half", (slice(0, 2), slice(0, 6))),
        ("left half", (slice(0, 4), slice(0, 3))),
        ("right half", (slice(0, 4), slice(3, 6))),
        ("centre", (slice(1, 3), slice(2, 4))),
    ],
)
def test_words_name_what_is_hidden(words, hidden):
    wanted = torch.ones(SHAPE).bool()
    wanted[:, :, *hidden] = False
    assert torch.equal(mask_in_words(words, SHAPE, 0), wanted)


def test_a_random_share_of_pixels_is_hidden_in_all_channels():
    mask = mask_in_words("random 0.25", (200, 3, 4, 6), 1)
    assert torch.equal(mask[:, 0], mask[:, 2])
    hidden = (~mask[:, 0]).double()
    assert abs(hidden.mean() - 0.25) < 4.5 * (0.25 * 0.75 / hidden.numel()) ** 0.5
    assert not torch.equal(mask[0], mask[1])
    assert torch.equal(mask, mask_in_words("random .25", (200, 3, 4, 6), 1))
    assert mask_in_words("random 0.5", (9, 7), 0).shape == (9, 7)


@pytest.mark.parametrize("words", ["", "bottom", "half", "random", "random 1.5", "random half"])
def test_other_words_are_refused(words):
    with pytest.raises(ConfigError, match="no mask is called.*'bottom half'"):
        mask_in_words(words, SHAPE, 0)


def test_a_mask_for_each_datum_or_for_all():
    one = torch.arange(24).reshape(1, 4, 6) % 2 == 0
    for mask in (one, one[None], one.expand(50, 1, 4, 6)):
        assert torch.equal(as_mask(mask, SHAPE), one.expand(50, 1, 4, 6))
    with pytest.raises(ShapeError, match=r"shape \[4, 6\].*\[50, 1, 4, 6\]"):
        as_mask(one[0], SHAPE)
    with pytest.raises(DataError, match="int64, and must be bool"):
        as_mask(one.long(), SHAPE)
    with pytest.raises(ShapeError, match="needs data of 2 axes"):
        mask_in_words("bottom half", (3, 8), 0)

"""Interpolation between texts: lines of text at points between posterior means."""

import json

import pyro
import pytest
import torch

from pyrovae.apply import Lines, interpolate
from pyrovae.apply.interpolation.curves import spherical, straight
from pyrovae.apply.interpolation.lines import edits
from pyrovae.errors import ConfigError
from pyrovae.models import SequenceToSequence, TextVAE


@pytest.fixture
def pair():
    pyro.set_rng_seed(3)
    made = TextVAE.example()
    with torch.no_grad():  # so that texts have other z, and z other texts
        made.encoder.head.weight *= 20
        made.decoder.first.weight *= 20
        made.decoder.recurrent.weight_ih_l0[:, -2:] *= 20
        made.decoder.head.weight *= 20
    return made


def test_texts_are_what_the_points_between_the_means_decode_to(pair):
    x = pair.example_x()[:6]
    found = interpolate(pair, x, steps=5, seed=0)
    assert isinstance(found, Lines) and set(found.texts) == {"linear", "spherical"}
    means = pair.encode(x).mean.detach()
    t = torch.linspace(0, 1, 5)
    for path, curve in (("linear", straight), ("spherical", spherical)):
        z = curve(means[::2], means[1::2], t)
        torch.testing.assert_close(found.latents[path], z)
        for row in range(3):
            assert found.texts[path][row] == pair.to_text(pair.decode(z[row]).likeliest())
    assert len({text for line in found.texts["linear"] for text in line}) > 1
    texts = pair.to_text(x)
    assert found.ends == list(zip(texts[::2], texts[1::2], strict=True))


def test_what_is_printed_and_kept(pair):
    x = pair.example_x()[:4]
    found = interpolate(pair.model, pair.guide, x, steps=3, path="linear", seed=0)
    printed = str(found)
    for first, last in found.ends:
        assert f"from {first} to {last}" in printed
    assert found.texts["linear"][1][1] in printed
    assert len(found.records()) == 6 and found.records()[1]["way"] == 0.5
    json.dumps(found.numbers())
    line = found.texts["linear"]
    exact = sum(edits(*step) for row in line for step in zip(row, row[1:], strict=False)) / 2
    assert found.numbers()["linear"]["edits"] == pytest.approx(exact)
    assert found.plot() is None and set(found.arrays()) == {"linear_latents"}


def test_a_pair_with_sources():
    pyro.set_rng_seed(0)
    pair = SequenceToSequence.example()
    x = pair.example_x()[:4]
    y = pair.example_y(x)
    found = interpolate(pair, x, y, steps=3, seed=0)
    z = found.latents["linear"]  # [2, 3, L]; the source is that of the first end
    for row in range(2):
        made = pair.decode(z[row].unsqueeze(1), y[2 * row : 2 * row + 1]).likeliest()[:, 0]
        assert found.texts["linear"][row] == pair.to_text(made)


def test_there_is_no_geodesic(pair):
    with pytest.raises(ConfigError, match="path='geodesic', and the pair's data are text"):
        interpolate(pair, pair.example_x()[:2], path="geodesic")


@pytest.mark.parametrize(
    ("one", "other", "count"),
    [("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("abc", "ab", 1), ("abc", "xbc", 1),
     ("abcd", "bcda", 2), ("saturday", "sunday", 3)],
)  # fmt: skip
def test_edits(one, other, count):
    assert edits(one, other) == edits(other, one) == count

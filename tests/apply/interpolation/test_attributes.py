"""Attribute vectors where the direction is known exactly."""

import numpy as np
import pytest
import torch

from pyrovae import data
from pyrovae.apply import arithmetic, attribute_vector, move
from pyrovae.data import Split
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError, ShapeError
from pyrovae.models import VAE, PartialVAE
from pyrovae.nn import Binomial, Normal

F64 = torch.float64


@pytest.fixture(scope="module")
def known():
    """A pair, data with and without an attribute, and its direction in latents and in data."""
    pair = LinearGaussian.random(data_dim=6, latent_dim=3, seed=1)
    weight, bias, _ = (t.detach() for t in pair._likelihood())
    pair = LinearGaussian(weight, bias, 1e-4)  # whose guide inverts the decoder
    torch.manual_seed(0)
    z, way = torch.randn(40, 3, dtype=F64), torch.tensor([1.0, -2.0, 0.5], dtype=F64)
    x = torch.cat([z, z + way]) @ weight.T + bias
    return pair, x, torch.arange(80) >= 40, way, weight @ way


def test_the_difference_of_means_is_the_attribute(known):
    pair, x, has, way, change = known
    found = attribute_vector(pair, x, has=has)
    torch.testing.assert_close(found, way, atol=1e-6, rtol=0)
    moved = move(pair, x[:5], vector=found, amounts=[0, 1, -2])
    torch.testing.assert_close(moved[:, 0], x[:5], atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[:, 1], x[:5] + change, atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[:, 2], x[:5] - 2 * change, atol=1e-5, rtol=0)
    torch.testing.assert_close(moved[:, 1], x[40:45], atol=1e-5, rtol=0)


def test_the_classifier_leaves_out_what_goes_along(known):
    """An attribute along the first unit, in data where the second goes along with it."""
    pair, *_ = known
    weight, bias, _ = (t.detach() for t in pair._likelihood())
    torch.manual_seed(1)
    has = torch.arange(2000) % 2 == 0
    z = torch.randn(2000, 3, dtype=F64)
    z[:, 0] += 3 * has
    z[:, 1] = 0.9 * z[:, 0] + 0.5 * torch.randn(2000, dtype=F64)  # given unit 0, it says nothing
    x = z @ weight.T + bias
    first = torch.tensor([1.0, 0.0, 0.0], dtype=F64)
    by_means, by_classifier = (
        attribute_vector(pair, x, has=has.numpy(), by=by) for by in ("means", "classifier")
    )
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(by_means, first, 0) < 0.8 < 0.95 < cosine(by_classifier, first, 0)


def test_arithmetic_moves_a_class_onto_the_other(known):
    pair, x, has, way, _ = known
    split = Split(x, y=has.long() + 4)
    found = arithmetic(pair, split, train=split, minus=4, plus=5, amounts=[0, 1], seed=0)
    torch.testing.assert_close(found.vector, way, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.moved[:, 1], x[40:], atol=1e-5, rtol=0)
    assert found.share[1] > 0.8 > 0.2 > found.share[0]
    assert found.share[1] == pytest.approx(1 - (1 - found.accuracy) * 2, abs=0.2)
    assert "moved by" in str(found) and found.plot() is None
    assert found.numbers()["norm"] == pytest.approx(float(way.norm()), abs=1e-5)


def test_digits_and_a_picture():
    digits = data.digits()
    one = VAE(digits.shape, 3, likelihood=Binomial(16))
    found = arithmetic(one, digits.test[:50], train=digits.train[:200], minus=1, plus=7, seed=0)
    assert found.moved.shape[1:] == (4, 1, 8, 8) and found.plot() is not None
    x = digits.test.x[:1].numpy().astype(np.uint8)
    assert move(one, x, vector=np.ones(3)).shape == (1, 3, 1, 8, 8)


def test_refusals(known):
    pair, x, has, way, _ = known
    with pytest.raises(DataError, match="0 of 80 data have"):
        attribute_vector(pair, x, has=has & ~has)
    with pytest.raises(ShapeError, match=r"\[3\] for 80"):
        attribute_vector(pair, x, has=has[:3])
    for wrong in (2 * has.long() - 1, torch.arange(80) % 3, torch.full((80,), torch.nan)):
        with pytest.raises(DataError, match="takes yes and no"):
            attribute_vector(pair, x, has=wrong)
    with pytest.raises(ShapeError, match=r"shape \[2\].*'z' has \[3\]"):
        move(pair, x, vector=way[:2])
    split = Split(x, y=has.long())
    with pytest.raises(ConfigError, match="two classes"):
        arithmetic(pair, split, train=split, minus=1, plus=1)
    masked = Split(x, y=torch.ones_like(x, dtype=torch.bool))
    with pytest.raises(DataError, match=r"no class for each datum"):
        arithmetic(pair, masked, train=masked)
    with pytest.raises(DataError, match="no data of class 3"):
        arithmetic(pair, split, train=split, minus=3, plus=1)
    with pytest.raises(DataError, match="needs labels"):
        arithmetic(pair, Split(x), train=split, minus=0, plus=1)


def test_arithmetic_takes_no_mask_for_classes():
    vae = PartialVAE((3,), 2, likelihood=Normal(1.0))
    x = torch.randn(20, 3)
    split = Split(x, x > 0)
    with pytest.raises(DataError, match="y of bool and shape .20, 3., which is no class"):
        arithmetic(vae, split, train=split, minus=0, plus=1)

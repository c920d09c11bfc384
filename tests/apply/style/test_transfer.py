"""Transfer against a pair in which label and style add up, so that all is known exactly."""

import numpy as np
import pyro
import pytest
import torch

from pyrovae import fit
from pyrovae.apply import transfer
from pyrovae.data import Split, digits
from pyrovae.errors import ConfigError, DataError, SiteError
from pyrovae.models import VAE, ConditionalVAE, MixtureVAE, SemiSupervisedVAE
from pyrovae.nn import Binomial
from pyrovae.objectives import ELBO
from tests.apply.style.pairs import (
    CLASSES,
    COVARIANCE,
    DATA,
    ENCODE,
    MARGINAL,
    Above,
    Argument,
    Latent,
    OneHot,
    V,
    W,
    as_one_hot,
    data,
    style_of,
)


def exact(x, y):
    """W_y' + V E[z|x, y] for every y' [N, C, D]."""
    return W + (style_of(x, y) @ V.T)[:, None]


@pytest.mark.parametrize("pair", [Argument, Argument()])
def test_the_mean_is_that_of_the_exact_posterior(pair):
    x, y = data(7)
    found = transfer(pair.model, pair.guide, x, y, temperature=0.0, seed=0)
    torch.testing.assert_close(found.made, exact(x, y))
    assert torch.equal(found.own, y) and found.labels.tolist() == [0, 1, 2]
    assert found.style == ("z",) and found.plot() is None


def test_one_hot_labels_that_the_model_observes():
    x, y = data(7)
    found = transfer(OneHot(), x, as_one_hot(y), temperature=0.0)
    torch.testing.assert_close(found.made, exact(x, y))
    assert torch.equal(found.own, y)


def test_a_class_that_is_latent():
    x, y = data(60)
    found = transfer(Latent(), x, temperature=0.0, seed=0)
    assert (found.own == y).double().mean() > 0.9  # the classes overlap a little
    torch.testing.assert_close(found.made, exact(x, found.own))


def test_draws_of_the_style_have_its_distribution():
    x, y = data(1)
    many = x.expand(4000, -1), y.expand(4000)
    made = transfer(Argument(), *many, labels=[2], seed=11).made[:, 0]
    loc, covariance = exact(x, y)[0, 2], V @ COVARIANCE @ V.T
    error = (made.mean(0) - loc) / (covariance.diagonal() / 4000).sqrt()
    assert error.abs().max() < 4
    spread = made.T.cov()
    noise = ((covariance**2 + covariance.diagonal().outer(covariance.diagonal())) / 4000).sqrt()
    assert ((spread - covariance) / noise).abs().max() < 4


def test_the_correlation_of_the_style_is_the_known_one():
    x, y = data(6000)
    kept = transfer(Argument(), x, y, seed=11).kept
    # m = E[z|x] has covariance A S A', and m' = A(V z' + noise) with z' = m + noise of p(z|x).
    of_mean = ENCODE @ MARGINAL @ ENCODE.T
    known = (of_mean @ V.T @ ENCODE.T).trace() / of_mean.trace()
    for name in ("new", "own"):
        assert kept.correlation[name] == pytest.approx(float(known), abs=0.01)


def test_the_nearest_source_is_found_where_there_is_no_noise_in_the_way():
    x, y = data(9)
    exactly = transfer(Argument(), 50 * x, y, temperature=0.0, seed=0)  # styles are far apart
    assert exactly.kept.retrieved["new"].value == 1.0
    assert exactly.numbers()["chance_of_retrieval"] == pytest.approx(1 / 9)


def test_a_label_is_recognised_as_often_as_in_new_data():
    x, y = data(900)
    train, fresh = Split(*data(2000, seed=3)), data(3000, seed=4)
    found = transfer(Argument(), x, y, train=train, seed=1).recognised
    from sklearn.svm import SVC

    known = SVC(C=10.0).fit(train.x.numpy(), train.y.numpy()).score(*fresh)
    for share in (found.share["new"], found.share["own"], found.of_data):
        assert abs(share.value - known) < 4 * (share.error**2 + known * (1 - known) / 3000) ** 0.5
    assert found.by_label == pytest.approx([found.share["new"].value] * 3, abs=0.05)


def test_a_shuffled_label_is_not_recognised():
    x, y = data(300)
    train = data(300, seed=3)
    wrong = Split(train[0], (train[1] + 1) % CLASSES)
    assert transfer(Argument(), x, y, train=wrong, seed=1).recognised.share["new"].value < 0.1


def test_latents_that_are_not_kept_are_drawn_under_the_new_label():
    x, y = data(50)
    with pytest.raises(SiteError, match="u, v, p.* same for every label.*keep="):
        transfer(Above(), x, seed=0)
    found = transfer(Above(), x, keep=["v"], temperature=0.0, seed=0)
    torch.testing.assert_close(found.made, exact(x, found.own), atol=1e-4, rtol=1e-4)
    with pytest.raises(SiteError, match=r"\['w'\].*\['u', 'v'\]"):
        transfer(Above(), x, keep=["w"])


@pytest.mark.parametrize("rows", [1, None])
def test_families_take_data_of_any_type_and_blocks_of_any_size(rows):
    x = np.random.default_rng(0).integers(0, 17, (4, 1, 4, 4)).astype(np.uint8)
    y = np.array([0, 1, 2, 1])
    pyro.set_rng_seed(0)
    for family in (ConditionalVAE, SemiSupervisedVAE):
        pair = family((1, 4, 4), 2, num_classes=3, likelihood=Binomial(16))
        found = transfer(pair, x, y, rows=rows, seed=0)
        assert found.made.shape == (4, 3, 1, 4, 4) and found.made.dtype == torch.float32
        twice = transfer(pair.double(), x, y, rows=rows, temperature=0.0).made
        with torch.no_grad():  # the same decoder
            z = pair.encode(torch.tensor(x), torch.tensor(y)).mean
            for c in range(3):
                theirs = pair.decode(z, torch.full((4,), c)).mean
                torch.testing.assert_close(twice[:, c], theirs)
        assert found.plot() is not None


def test_one_datum_and_one_label():
    x, y = data(1)
    found = transfer(Argument(), x, y, labels=np.array([1]), seed=0)
    assert found.made.shape == (1, 1, DATA) and found.own.tolist() == [-1]
    assert "nearest of 1" in str(found)


def test_a_style_without_a_label_is_that_of_the_class_that_the_guide_draws():
    pyro.set_rng_seed(0)
    pair = SemiSupervisedVAE((1, 4, 4), 2, 3, likelihood=Binomial(16))
    x = torch.randint(0, 17, (5, 1, 4, 4)).float()
    y = torch.tensor([0, -1, 1, -1, 2])
    found = transfer(pair, x, y, seed=0)
    assert found.own.tolist() == [0, -1, 1, -1, 2]
    assert found.kept.retrieved["own"] is not None


def test_random_streams_and_results_stay():
    x, y = data(8)
    state = torch.get_rng_state()
    one, other = (transfer(Argument(), x, y, seed=3, mean=False) for _ in range(2))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(one.made, other.made) and one.numbers() == other.numbers()
    assert not torch.equal(one.made, transfer(Argument(), x, y, seed=4, mean=False).made)


def test_one_label_may_be_given_twice():
    x, y = data(4)
    made = transfer(Argument(), x, y, labels=[0, 0], mean=True).made
    torch.testing.assert_close(made[:, 0], made[:, 1])


def test_refusals():
    x, y = data(6)
    vae = VAE((6,), 2).double()
    with pytest.raises(SiteError, match="no label: .* called with the data alone.*Conditional"):
        transfer(vae, x.sigmoid().round())
    with pytest.raises(SiteError, match="takes x alone, so that it has no label to replace"):
        transfer(vae, x.sigmoid().round(), y)
    with pytest.raises(SiteError, match="no discrete latent 'b'.*'c'"):
        transfer(Latent(), x, site="b")
    with pytest.raises(SiteError, match="same for every label"):
        transfer(MixtureVAE((6,), 2, 3), x.sigmoid().round().float())
    with pytest.raises(ConfigError, match="no classes .*labels="):
        transfer(OneHot(), x, torch.rand(6, CLASSES).double())
    with pytest.raises(DataError, match=r"takes \(x, y\)"):
        transfer(Argument(), x)
    with pytest.raises(ConfigError, match="temperature=-1"):
        transfer(Argument(), x, y, temperature=-1)
    with pytest.raises(DataError, match="no labels"):
        transfer(Argument(), x, y, train=Split(x))
    with pytest.raises(DataError, match="fewer than two classes"):
        transfer(Argument(), x, y, train=Split(x, y=y + 7))


def test_digits_keep_their_style_and_take_the_label():
    pyro.set_rng_seed(0)
    whole = digits().labelled()
    pair = ConditionalVAE((1, 8, 8), 4, num_classes=10, likelihood=Binomial(16))
    fit(pair.model, pair.guide, whole.train, objective=ELBO(), epochs=8, lr=5e-3, device="cpu",
        progress=False)  # fmt: skip
    found = transfer(pair, whole.test, train=whole.train, seed=0)
    share = found.recognised.share
    assert share["new"].value > 0.8 and share["own"].value > 0.8
    assert found.kept.retrieved["new"].value > 20 / 400 and found.kept.correlation["new"] > 0.5
    assert "label recognised" in str(found)

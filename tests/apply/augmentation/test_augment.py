"""Made data against classes whose distribution is known exactly."""

import math

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from pyrovae import fit
from pyrovae.apply import augment, augment_by_class
from pyrovae.data import Split, digits
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError, SiteError
from pyrovae.models import VAE, ConditionalVAE, HierarchicalVAE, MixtureVAE
from pyrovae.nn import Binomial
from pyrovae.objectives import ELBO
from tests.apply.style.pairs import CLASSES, DATA, MARGINAL, Argument, Latent, OneHot, W, data

N = 4000  # made of each class


def z_scores(made, loc, covariance):
    """Of mean and covariance of a sample [N, D] of a normal: the largest."""
    size, variance = len(made), covariance.diagonal()
    mean = (made.mean(0) - loc) / (variance / size).sqrt()
    noise = ((covariance**2 + variance.outer(variance)) / size).sqrt()
    return float(mean.abs().max()), float(((made.T.cov() - covariance) / noise).abs().max())


def check_classes(found):
    assert found.y.tolist() == [c for c in range(CLASSES) for _ in range(N)]
    for c in range(CLASSES):
        assert max(z_scores(found.x[found.y == c], W[c], MARGINAL)) < 4.5


@pytest.mark.parametrize("site", [None, "c"])
def test_classes_from_the_prior_have_the_exact_mean_and_covariance(site):
    pair = Argument() if site is None else Latent()
    found = augment(pair, *data(12), num_per_class=N, way="prior", site=site, seed=1)
    check_classes(found)
    assert found.way == "prior" and found.x.dtype == torch.float64 and found.plot() is None


def test_draws_around_data_have_the_exact_mean_and_covariance():
    # z ~ p(z|x), x' ~ p(x|z) leaves p(x|y) as it is, x ~ p(x|y) being given.
    found = augment(Argument(), *data(CLASSES * N), num_per_class=N, way="posterior", seed=1)
    check_classes(found)


def test_one_hot_labels_stay_one_hot():
    x, y = data(12)
    hot = torch.nn.functional.one_hot(y, CLASSES).double()
    found = augment(OneHot(), x, hot, num_per_class=N, seed=1)
    assert found.y.shape == (CLASSES * N, CLASSES)
    assert max(z_scores(found.x[:N], W[0], MARGINAL)) < 4.5 and found.y[0].tolist() == [1, 0, 0]


def _pairs():
    one = LinearGaussian.random(5, 2, seed=0)
    weight, bias, variance = (t.detach() for t in one._likelihood())
    other = LinearGaussian(weight, bias + 0.6, variance.sqrt(), name="other")
    covariance = weight @ weight.T + variance * torch.eye(5).double()
    return {0: LinearGaussian(weight, bias, variance.sqrt()), 1: other}, bias, covariance


def test_a_pair_for_each_class_approaches_the_bayes_classifier():
    pairs, bias, covariance = _pairs()
    x = torch.cat([pairs[c].sample(4, seed=c) for c in (0, 1)])
    y = torch.tensor([0] * 4 + [1] * 4)
    made = augment_by_class(pairs, x, y, num_per_class=N, seed=3)
    for c in (0, 1):
        assert max(z_scores(made.x[made.y == c], bias + 0.6 * c, covariance)) < 4.5
    # Two normals of one covariance: the best accuracy is Phi(d / 2), d their Mahalanobis distance.
    gap = torch.full((5,), 0.6).double()
    distance = float((gap @ torch.linalg.solve(covariance, gap)).sqrt())
    bayes = 0.5 * (1 + math.erf(distance / 2 / math.sqrt(2)))
    test = torch.cat([pairs[c].sample(10_000, seed=9 + c) for c in (0, 1)])
    labels = torch.arange(2).repeat_interleave(10_000)
    accuracy = LinearDiscriminantAnalysis().fit(made.x, made.y).score(test, labels)
    alone = LinearDiscriminantAnalysis().fit(x, y).score(test, labels)
    noise = (bayes * (1 - bayes) / 20_000) ** 0.5
    assert bayes - 4 * noise - 0.01 < accuracy < bayes + 4 * noise
    assert alone < accuracy - 0.03


def test_temperature_is_that_of_the_posterior():
    x = torch.zeros(1, 3).double()

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(3), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1e-6).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x + 2, 0.5).to_event(1))

    made = {t: augment(model, guide, x, [7], num_per_class=N, temperature=t, seed=0).x
            for t in (0.0, 1.0, 3.0)}  # fmt: skip
    assert float((made[0.0] - 2).abs().max()) < 1e-4
    for t in (1.0, 3.0):
        eye = torch.eye(3).double()
        assert max(z_scores(made[t], 2.0, (0.5 * t) ** 2 * eye)) < 4.5


@pytest.mark.parametrize("beyond", [0.5, -0.5])
@pytest.mark.parametrize("rows", [None, 3])
def test_extrapolation_leads_away_from_another_datum_of_the_class(beyond, rows):
    x = torch.tensor([[0.0], [1.0], [10.0], [14.0]]).double()

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(1), 100.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1e-6).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x, 1e-6).to_event(1))

    found = augment(model, guide, x, [0, 0, 1, 1], num_per_class=6, extrapolate=beyond, seed=0,
                    rows=rows)  # fmt: skip
    made = found.x.round(decimals=3).flatten()
    ends = {0.5: ({-0.5, 1.5}, {8.0, 16.0}), -0.5: ({0.5}, {12.0})}[beyond]
    assert (set(made[:6].tolist()), set(made[6:].tolist())) == ends


def test_types_and_kinds_of_data():
    pyro.set_rng_seed(0)
    pair = VAE((1, 4, 4), 2, likelihood=Binomial(16))
    x = np.random.default_rng(0).integers(0, 17, (6, 1, 4, 4)).astype(np.uint8)
    y = np.array([3, 3, 5, -1, 5, 3])
    found = augment(pair, x, y, num_per_class=4, seed=0)
    assert found.x.dtype == torch.uint8 and found.y.tolist() == [3] * 4 + [5] * 4
    assert len(found.given) == 5 and found.both.x.dtype == torch.uint8 and len(found.both) == 13
    assert [row[1:] for row in found.cells()[1:]] == [["3", "4"], ["2", "4"]]
    assert found.plot() is not None
    means = augment(pair.double(), Split(torch.tensor(x).double(), torch.tensor(y)), mean=True,
                    num_per_class=4, seed=0, with_given=True)  # fmt: skip
    assert means.x.dtype == torch.float64 and not torch.equal(means.x, means.x.round())
    assert len(means.arrays()["x"]) == 13
    one = augment(pair, x[:1], y[:1], num_per_class=3, way="prior", seed=0)  # of one class
    assert one.way == "prior" and len(one.x) == 3


def test_a_hierarchy_and_the_same_seed():
    pyro.set_rng_seed(0)
    pair = HierarchicalVAE((1, 4, 4), (2, 3), likelihood=Binomial(16))
    x = torch.randint(0, 17, (6, 1, 4, 4)).float()
    state = torch.get_rng_state()
    one, other = (augment(pair, x, [0, 1] * 3, num_per_class=5, temperature=1.5, extrapolate=0.5,
                          seed=2) for _ in range(2))  # fmt: skip
    assert torch.equal(one.x, other.x) and torch.equal(state, torch.get_rng_state())


def test_by_class_as_the_family_generates_classes():
    pyro.set_rng_seed(0)
    pair = ConditionalVAE((1, 4, 4), 2, num_classes=3, likelihood=Binomial(16))
    x, y = torch.randint(0, 17, (6, 1, 4, 4)).float(), torch.arange(6) % 3
    found = augment(pair, x, y, num_per_class=2000, mean=True, seed=0)
    theirs = pair.generate_classes(torch.arange(3).repeat_interleave(2000))
    for c in range(3):
        mine, other = found.x[found.y == c].double(), theirs[2000 * c : 2000 * (c + 1)].double()
        error = (mine.var(0) / 2000 + other.var(0) / 2000).sqrt()
        assert float(((mine.mean(0) - other.mean(0)) / error).abs().max()) < 4.5


def test_refusals():
    x, y = data(6)
    vae = VAE((DATA,), 2)
    bits = x.sigmoid().round()
    with pytest.raises(ConfigError, match="cannot make data of a chosen class.*augment_by_class"):
        augment(vae, bits, y, way="prior")
    with pytest.raises(ConfigError, match='"auto", "prior"'):
        augment(vae, bits, y, way="both")
    with pytest.raises(ConfigError, match="codes of data"):
        augment(Argument(), x, y, temperature=2.0)
    with pytest.raises(ConfigError, match="num_per_class=0"):
        augment(vae, bits, y, num_per_class=0)
    with pytest.raises(DataError, match="labelled data, and got x alone"):
        augment(vae, bits)
    with pytest.raises(DataError, match="none of which has a label"):
        augment(vae, bits, [-1] * 6)
    with pytest.raises(DataError, match="6 data, and y of shape"):
        augment(vae, bits, [1, 2])
    with pytest.raises(SiteError, match="site='b'"):
        augment(MixtureVAE((DATA,), 2, 3), bits, y, way="prior", site="b")
    with pytest.raises(ConfigError, match=r"pairs of \[0\], and data of the classes \[0, 1, 2\]"):
        augment_by_class({0: vae}, bits, y)


def test_what_is_made_trains_a_pair_and_a_classifier():
    pyro.set_rng_seed(0)
    whole = digits()
    pair = VAE((1, 8, 8), 4, likelihood=Binomial(16))
    made = augment(pair, whole.train, num_per_class=5, seed=0).split
    fit(pair.model, pair.guide, made, objective=ELBO(), epochs=1, device="cpu", progress=False)
    classifier = LinearDiscriminantAnalysis().fit(made.x.flatten(1), made.y)
    assert classifier.classes_.tolist() == list(range(10))

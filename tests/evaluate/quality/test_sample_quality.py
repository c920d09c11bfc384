"""Quality of samples: of perfect pairs, of copies, of pairs that miss half of the data."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.data import Split
from pyrovae.data.synthetic import LinearGaussian
from pyrovae.errors import ConfigError, DataError, PlateError
from pyrovae.evaluate import sample_quality

CENTRES = torch.tensor([[-4.0, 0, 0], [4.0, 0, 0], [0, 4.0, 0], [0, -4.0, 0]])


def clusters(n, seed, noise=0.5):
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(4, (n,), generator=generator)
    return Split(CENTRES[y] + noise * torch.randn(n, 3, generator=generator), y)


def mixture(weights, noise=0.5, centres=CENTRES):
    """A pair that draws a point near one of the centres; its guide knows which."""

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Categorical(torch.tensor(weights)))
            pyro.sample("x", dist.Normal(centres[z], noise).to_event(1), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Categorical(logits=-10 * torch.cdist(x, centres)))

    return model, guide


def test_a_perfect_pair_is_as_good_as_held_out_data():
    train, x = clusters(1200, 0), clusters(400, 1)
    found = sample_quality(*mixture([0.25] * 4), x, train=train, seed=0)
    assert "classifier" in found.features and found.accuracy > 0.99
    held_out, samples = found["held-out data"], found["samples"]
    for row in (held_out, samples, found["reconstructions"]):
        assert abs(row.kernel) < 5 * row.kernel_error
        assert row.precision > 0.9 and row.recall > 0.9 and row.coverage > 0.85
    assert samples.frechet < 4 * held_out.frechet + 0.05
    assert held_out.closer == 0.5 and abs(samples.closer - 0.5) < 0.12
    assert len(found.notes()) == 2 and "biased upwards" in found.notes()[1]


def test_a_pair_that_misses_half_of_the_classes():
    train, x = clusters(1200, 0), clusters(400, 1)
    found = sample_quality(*mixture([0.5, 0.5, 0, 0]), x, train=train, features="raw", seed=0)
    row = found["samples"]
    assert row.precision > 0.9 and row.recall < 0.65 and row.coverage < 0.65
    assert row.frechet > 20 * found["held-out data"].frechet
    assert row.kernel > 5 * row.kernel_error
    assert found["reconstructions"].coverage > 0.9  # which do not draw from the prior


def test_samples_that_are_too_wide_are_not_precise():
    train, x = clusters(1200, 0), clusters(400, 1)
    found = sample_quality(*mixture([0.25] * 4, noise=3.0), x, train=train, features="raw", seed=0)
    assert found["samples"].precision < 0.4 and found["samples"].density < 0.4
    assert found["samples"].closer < 0.3


def test_copies_are_found():
    train, x = clusters(600, 0), clusters(200, 1)
    copies = mixture([1 / 600] * 600, noise=1e-3, centres=train.x)
    found = sample_quality(*copies, x, train=train, features="raw", seed=0)
    assert found["samples"].closer > 0.95
    assert "look at the picture for copies" in found.notes()[-1]
    assert torch.allclose(found.shown["samples"], found.shown["nearest"], atol=0.01)


def test_features_of_each_kind():
    oracle = LinearGaussian.random(data_dim=40, latent_dim=2, seed=0)
    x, train = oracle.sample(80, seed=1), oracle.sample(100, seed=2)
    assert "32 principal components" in sample_quality(oracle, x, train=train, seed=0).features
    raw = sample_quality(oracle, x, train=train, features="raw", seed=0)
    assert "40 values" in raw.features and raw.num_features == 40

    def three(data):
        return data[:, :3]

    own = sample_quality(oracle, x, train=train, features=three, seed=0)
    assert own.features == "given by three" and own.num_features == 3
    assert (
        own["samples"] == sample_quality(oracle, x, train=train, features=three, seed=0)["samples"]
    )


def test_images_show_samples_over_their_nearest():
    images = clusters(120, 0).x.repeat(1, 22)[:, :64].reshape(-1, 1, 8, 8)

    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(()), 1.0))
            loc = z[..., None, None, None].expand(*z.shape, 1, 8, 8)
            pyro.sample("x", dist.Normal(loc, 1.0).to_event(3), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x.flatten(1).mean(1), 1.0))

    labels = torch.arange(120) % 2
    state = torch.get_rng_state()
    train = Split(images, labels)
    found = sample_quality(model, guide, images[:40], train=train, seed=0, mean=True)
    assert torch.equal(torch.get_rng_state(), state)
    assert "convolutional" in found.features
    assert found.arrays()["samples"].shape == (10, 1, 8, 8)
    figure = found.plot()
    figure.draw_without_rendering()
    assert len(figure.axes) == 5
    assert len(found.records()) == 3 and found.numbers()["num_data"] == 40
    assert found["samples"].density >= 0  # with means of p(x|z), which have no noise
    assert float(found.shown["samples"][0].std()) < 1e-6


def refuse(**changes):
    given = {"x": clusters(40, 0).x, "train": clusters(60, 1), "seed": 0} | changes
    return sample_quality(*mixture([0.25] * 4), given.pop("x"), **given)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"features": "inception"}, ConfigError, "'classifier', 'pca'"),
        ({"features": "classifier", "train": clusters(60, 1).x}, DataError, "needs training data"),
        ({"train": clusters(30, 1)}, DataError, "at least as many as x"),
        ({"features": lambda x: x[0]}, DataError, "a function that returns a table"),
        ({"nearest": 40}, DataError, "at least 41 rows"),
        ({"batch_plate": None}, PlateError, "batch_plate is None"),
    ],
)
def test_what_is_refused(changes, error, words):
    with pytest.raises(error, match=words):
        refuse(**changes)


def test_few_data_have_no_error_of_the_kernel_distance():
    found = sample_quality(*mixture([0.25] * 4), clusters(40, 0), train=clusters(40, 1))
    assert "nan" not in f"{found}{found.to_latex()}{found._repr_html_()}"
    assert "too few data for an error" in str(found)

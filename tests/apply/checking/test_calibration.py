"""Calibration of guides: flat for exact ones, and each wrong one told by its shape."""

import json

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from scipy.stats import kstest

from pyrovae.apply import check_calibration
from pyrovae.data import LinearGaussianChain, Split
from pyrovae.errors import ConfigError, DataError, PlateError, ShapeError
from pyrovae.models import VAE, Autoencoder, ConditionalVAE, HierarchicalVAE
from pyrovae.nn import Binomial, Normal
from tests import pairs
from tests.apply.exact_pairs import binary, linear, some_weight

ROWS = torch.zeros(400, 5).double()


def many_independent(**guide):
    """20 latents that do not depend on each other given the data: 20 independent tests."""
    return linear(torch.eye(20).double(), **guide)


def of(found, name):
    place = list(found.names).index(name)
    return found.p_ecdf[place].item(), found.shapes[place]


def test_flat_for_the_posterior_so_that_p_is_uniform_over_repetitions():
    pair, p = many_independent(), []
    for seed in range(5):
        found = check_calibration(pair, torch.zeros(150, 20).double(), num_draws=49, seed=seed)
        kept = [name.startswith("z") for name in found.names]
        p += [found.p_ecdf[kept], found.p_chi_squared[kept]]
    assert kstest(torch.cat(p[::2]).numpy(), "uniform").pvalue > 0.01
    assert kstest(torch.cat(p[1::2]).numpy(), "uniform").pvalue > 0.01


@pytest.mark.parametrize(
    ("guide", "shape"),
    [
        ({"spread": 0.6}, "U: too narrow"),
        ({"spread": 1.6}, "hump: too wide"),
        ({"shift": -0.4}, "slope: too low"),
        ({"shift": 0.4}, "slope: too high"),
    ],
)
def test_a_wrong_guide_is_found_and_told_by_its_shape(guide, shape):
    found = check_calibration(linear(some_weight(), **guide), ROWS, seed=0)
    assert not found.is_calibrated
    for name in ("z[0]", "z[1]"):
        p, words = of(found, name)
        assert p < 1e-3 and words.startswith(shape)


def test_the_log_joint_finds_wrong_correlations_that_coordinates_hide():
    weight = torch.tensor([[1.0, 0.95], [1.0, 1.05], [1.0, 1.0]]).double()
    rows = torch.zeros(600, 3).double()
    found = check_calibration(linear(weight, mean_field=True), rows, seed=0)
    assert of(found, "z[0]")[0] > 0.01 and of(found, "z[1]")[0] > 0.01
    assert of(found, "log p(x, z)")[0] < 1e-3
    assert check_calibration(linear(weight), rows, seed=0).is_calibrated


@pytest.mark.parametrize("order", ["bottom-up", "top-down"])
def test_a_hierarchy(order):
    layers = [(some_weight(5, 3), torch.zeros(5).double(), 0.6),
              (some_weight(3, 2, seed=1), torch.zeros(3).double(), 0.8)]  # fmt: skip
    pair = LinearGaussianChain(layers, order=order)
    found = check_calibration(pair, ROWS, seed=0)
    assert found.is_calibrated and len(found.names) == 6
    with torch.no_grad():
        pair.encoders[1].log_scale -= 0.7
        pair.encoders[1].lower *= 0.5
    wrong = check_calibration(pair, ROWS, seed=0)
    assert not wrong.is_calibrated and wrong.shapes[0].startswith("U: too narrow")


def test_discrete_latents_by_random_ties():
    rows = torch.zeros(1500, 3).double()
    found = check_calibration(binary(), rows, num_draws=19, seed=0)
    assert set(found.names) == {"z[0]", "log p(x, z)"} and found.is_calibrated
    assert len(found.ranks[:, 0].unique()) == 20
    wrong = check_calibration(binary(0.3), rows, num_draws=19, seed=0)
    assert not wrong.is_calibrated and wrong.p.max() < 0.01


def test_quantities_of_one_s_own():
    def model(x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x)), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(torch.zeros(len(x)), 1.0))  # the prior: ignores the data

    wanted = {"product": lambda z, x: z["z"] * x}
    found = check_calibration(model, guide, torch.zeros(300), quantities=wanted, seed=0)
    assert of(found, "z")[0] > 0.01 > 1e-3 > of(found, "product")[0]
    with pytest.raises(ShapeError, match="'product' gave float for"):
        check_calibration(model, guide, torch.zeros(30), quantities={"product": lambda z, x: 0.0})


@pytest.mark.parametrize("style", pairs.STYLES.values(), ids=pairs.STYLES)
def test_any_style_of_pair(style):
    pair = style(torch.float64)
    options = {"num_draws": 9, "seed": 0}
    if style is pairs.nested_plate:
        options["to_data"] = lambda observed: (observed["x"].T,)
    with pyro.settings.context(module_local_params=pair.local_params):
        if style is pairs.subsampled_plate:
            with pytest.raises(PlateError, match="its own subsample"):
                check_calibration(pair.model, pair.guide, *pair.args, **options)
            return
        found = check_calibration(pair.model, pair.guide, *pair.args, **options)
    assert found.ranks.shape[0] == pair.batch_size
    assert ((found.ranks >= 0) & (found.ranks <= 9)).all()
    if style is pairs.nested_plate:
        assert "z[5]" in found.names and "g[0]" in found.names


def test_labels_stay_as_they_are():
    vae = ConditionalVAE((1, 4, 4), 2, num_classes=3, likelihood=Binomial(16))
    x, y = torch.zeros(30, 1, 4, 4), torch.arange(30) % 3
    seen = []
    wanted = {"pixel": lambda z, x: seen.append(x) or z["z"][:, 0] + x.flatten(1)[:, 0]}
    found = check_calibration(vae, Split(x, y).labelled(), num_draws=9, seed=0, quantities=wanted)
    assert set(found.names) == {"z[0]", "z[1]", "pixel", "log p(x, z)"}
    assert seen[0].shape == (30, 1, 4, 4) and seen[0].any()  # simulated


def test_families_bytes_and_one_datum():
    vae = HierarchicalVAE((1, 4, 4), (3, 2), likelihood=Binomial(16))
    found = check_calibration(vae, np.zeros((1, 1, 4, 4), np.uint8), num_draws=9, seed=0)
    assert found.ranks.shape == (1, 6)
    found = check_calibration(VAE((5,), 2, likelihood=Normal()), torch.zeros(40, 5), seed=0)
    assert found.ranks.dtype == torch.int64


def test_seeds_and_the_finding():
    pair = linear(some_weight())
    before = torch.random.get_rng_state()
    found = check_calibration(pair, ROWS, seed=3, chunk=1000)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(found.ranks, check_calibration(pair, ROWS, seed=3, chunk=1000).ranks)
    numbers = json.loads(json.dumps(found.numbers()))
    assert numbers["num_data"] == 400 and set(numbers["quantities"]) == set(found.names)
    lines = str(found).splitlines()
    assert len(lines) == 5 and "of 3, 400 data each" in lines[-1]
    assert len(found.plot().axes) == 6


def test_pairs_that_cannot():
    with pytest.raises(ConfigError, match="check_calibration: the prior of 'z' is improper"):
        check_calibration(Autoencoder((5,), 2, likelihood=Normal()), torch.zeros(9, 5))
    pair = linear(some_weight())
    with pytest.raises(ConfigError, match="needs 9 or more"):
        check_calibration(pair, ROWS, num_draws=2)
    with pytest.raises(PlateError, match="ranks by datum need a plate over data"):
        check_calibration(pair, ROWS, batch_plate=None)

    def model(x, y):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x)), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)
            pyro.sample("y", dist.Normal(z, 1.0), obs=y)

    def guide(x, y):
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal((x + y) / 3, 3**-0.5))

    two = (torch.zeros(200), torch.zeros(200))
    with pytest.raises(DataError, match="pass to_data="):
        check_calibration(model, guide, two)
    found = check_calibration(model, guide, two, to_data=lambda o: (o["x"], o["y"]), seed=0)
    assert found.is_calibrated

"""Every kind of data through every door gives the numbers of the plain tensor."""

import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

import pyrovae
from pyrovae.data import Batches
from pyrovae.evaluate import kl_decomposition
from pyrovae.objectives import ELBO
from pyrovae.reporting import report
from tests.kinds import ARRAYS, FILES, FRAMES, ITEMS, KINDS, SPARSE, SPLITS, STREAMS, bits

X = bits()
PLAIN = torch.tensor(X)
SIZE = 7  # rows of a batch, as in `tests.kinds`


class Pair(nn.Module):
    """A pair that takes zeros and ones as floats."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.decoder = nn.Linear(8, 4), nn.Linear(2, 8)

    def model(self, x):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        loc, log_scale = self.encoder(x).chunk(2, -1)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


def trained(data, val=None, **options):
    options = {"epochs": 1, "batch_size": SIZE, "progress": False, "device": "cpu", **options}
    return pyrovae.fit(Pair(), data, val=val, **options).history[0]


QUICK = {"num_particles": 2, "seed": 0}
ANNEALING = {"num_temperatures": 2, "num_leapfrog": 1}
MEASURES = {
    "log_evidence": lambda p, x: pyrovae.log_evidence(p, x, **QUICK).log_px,
    "elbo_parts": lambda p, x: pyrovae.elbo_parts(p, x, rows=9, **QUICK).elbo,
    "elbo_surgery": lambda p, x: pyrovae.elbo_surgery(p, x, **QUICK).kl,
    "kl_decomposition": lambda p, x: kl_decomposition(p, x, **QUICK).dimension_wise_kl,
    "active_units": lambda p, x: pyrovae.active_units(p, x, seed=0).variance["z"],
    "posterior_means": lambda p, x: pyrovae.posterior_means(p, x, seed=0),
    "traverse": lambda p, x: pyrovae.traverse(p, x, seed=0, datum=3).images,
    "inference_gaps": lambda p, x: pyrovae.inference_gaps(p, x, num_steps=1, **QUICK).elbo,
    "ais": lambda p, x: pyrovae.ais(p, x, **ANNEALING, **QUICK).log_px,
    "bdmc": lambda p, x: pyrovae.bdmc(p, x, **ANNEALING, **QUICK).lower,
    "gradients": lambda p, x: pyrovae.gradients(
        p, x, ELBO(), num_draws=2, reference_draws=2
    ).mean["encoder$$$weight"],
    "compare": lambda p, x: torch.tensor(
        pyrovae.compare(
            p, x, [ELBO()], num_draws=2, reference_draws=2, repeats=1, evidence_particles=2
        ).rows[0]["bound"]
    ),
    "report": lambda p, x: torch.tensor(report(p, x, num_particles=2).facts["nll"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def pair():
    return Pair()


@pytest.fixture(scope="module")
def expected(pair):
    return {name: measure(pair, PLAIN) for name, measure in MEASURES.items()}


@pytest.fixture
def made(request, tmp_path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse .* tensor support is in beta")
        return KINDS[request.param](X, tmp_path)


# All read rows by the same door: one is tried with every kind, each other one with two kinds of
# every sort, in turn.
SORTS = [list(sort) for sort in (ARRAYS, SPARSE, FRAMES, SPLITS, ITEMS, STREAMS, FILES)]
OTHERS = [name for name in MEASURES if name != "log_evidence"]
TABLE = [(kind, "log_evidence") for kind in KINDS] + [
    (sort[(2 * j + i) % len(sort)], name)
    for sort in SORTS
    for j, name in enumerate(OTHERS)
    for i in range(2)
]


@pytest.mark.parametrize(("made", "name"), TABLE, indirect=["made"], ids=str)
def test_measurements_take_every_kind(pair, expected, made, name):
    torch.testing.assert_close(MEASURES[name](pair, made), expected[name])


@pytest.fixture(scope="module")
def shuffled():
    return trained(PLAIN, PLAIN)


@pytest.fixture(scope="module")
def in_order():
    return trained(Batches(PLAIN, SIZE, shuffle=False, device="cpu"), PLAIN)


@pytest.mark.parametrize("kind", KINDS)
def test_fit_takes_every_kind(kind, tmp_path, shuffled, in_order):
    folders = tmp_path / "data", tmp_path / "val"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse .* tensor support is in beta")
        for folder in folders:
            folder.mkdir()
        data, val = (KINDS[kind](X, folder) for folder in folders)
    val = PLAIN if kind == "Dataset" else val  # whose `val` is empty
    found = trained(data, val)
    if kind in STREAMS and kind != "loader without batches":
        expected = in_order
    elif kind in ITEMS or kind in STREAMS:
        assert found["train"] == pytest.approx(shuffled["train"], abs=1.0)
        return
    else:
        expected = shuffled
    for name in ("train", "val"):
        assert found[name] == pytest.approx(expected[name], rel=1e-5), name

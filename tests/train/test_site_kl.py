"""Reconstruction and KL of each layer in the history, disturbing nothing."""

from functools import partial
from types import SimpleNamespace

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import Autoencoder
from pyrovae.data import LinearGaussian, LinearGaussianChain, batches
from pyrovae.objectives import ELBO
from pyrovae.train import fit
from pyrovae.train.site_kl import SiteKLMonitor, first_rows
from tests.oracles import z_scores
from tests.pairs import STYLES

CPU = torch.device("cpu")
CHAIN = partial(LinearGaussianChain.random, 5, (3, 2), seed=0)


def layer_kl(pair, looked_at, **options):
    options = {"networks": [], "batch_plate": "auto", "seed": 0, "device": CPU, **options}
    return SiteKLMonitor(pair.model, pair.guide, looked_at, **options)


@pytest.mark.parametrize("order", ["bottom-up", "top-down"])
def test_against_the_exact_terms(order):
    pair = CHAIN(order=order)
    x = pair.sample(4, seed=1)
    rows = [(x.repeat(250, 1),), (x.repeat(250, 1),)]
    found = torch.tensor(
        [list(layer_kl(pair, rows, seed=seed)().values()) for seed in range(30)]
    ).double()
    exact = pair.kl_by_site(x)
    names = ["z1", "z2"] if order == "bottom-up" else ["z2", "z1"]
    keys = ["reconstruction", *(f"kl[{name}]" for name in names)]
    assert list(layer_kl(pair, rows)()) == keys
    exact = {"reconstruction": pair.reconstruction(x), **exact}
    for i, name in enumerate(["reconstruction", *names]):
        values, truth = found[:, i], exact[name].mean().detach()
        if values.std() < 1e-9:  # the closed form of what is drawn first
            torch.testing.assert_close(values[0], truth)
        else:
            assert z_scores(values[:, None], truth[None]).abs() < 4.5


def test_one_latent_has_them_too():
    pair = LinearGaussian.random(5, 2, seed=0)
    x = pair.sample(20, 1)
    run = fit(pair.model, pair.guide, x, val=x, objective=ELBO(), epochs=1, lr=1e-9, device="cpu")
    assert run.history[0]["kl[z]"] == pytest.approx(pair.kl(x).mean().item(), rel=1e-5)
    parts = run.history[0]["reconstruction"] - run.history[0]["kl[z]"]
    assert abs(parts - run.history[0]["val"]) < 2.0, "one draw a datum of the same terms"


def test_a_point_has_no_kl_and_what_has_no_latent_adds_nothing():
    x = torch.randint(0, 2, (6, 4)).float()
    code = Autoencoder(4, 2)
    assert list(layer_kl(code, [(x,)])()) == ["reconstruction"]

    def bare(x):
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(0.0, 1.0).expand([4]).to_event(1), obs=x)

    nothing = layer_kl(SimpleNamespace(model=bare, guide=lambda x: None), [(x,)])
    assert nothing() == {}


def test_a_pair_that_cannot_be_drawn_adds_nothing():
    class Apart:
        @staticmethod
        def model(x):
            pyro.sample("a", dist.Normal(0.0, 1.0))
            pyro.sample("b", dist.Normal(0.0, 1.0))

        guide = model

    assert layer_kl(Apart, [(torch.zeros(3),)])() == {}
    joint = layer_kl(Apart, [(torch.zeros(3),)], batch_plate=None)()
    assert joint == {"reconstruction": 0.0, "kl[a]": 0.0, "kl[b]": 0.0}


def test_a_pair_that_cannot_be_scored_by_datum_adds_nothing():
    """As of data whose dims are not declared: Pyro's own losses train it without validation."""

    def model(x):
        with pyro.plate("data", x.shape[1], dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(x.shape[1]), 1.0))
            pyro.sample("x", dist.Normal(z.expand(3, -1), 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", x.shape[1], dim=-1):
            pyro.sample("z", dist.Normal(torch.zeros(x.shape[1]), 1.0))

    pair = SimpleNamespace(model=model, guide=guide)
    assert layer_kl(pair, [(torch.zeros(3, 5),)])() == {}


def test_nothing_is_disturbed():
    """No draw is used up, and the same noise comes every time."""
    pair = STYLES["hierarchy"](torch.float64)
    state = torch.get_rng_state()
    look = layer_kl(pair, [pair.args])
    assert look() == look()
    assert torch.equal(state, torch.get_rng_state())
    assert layer_kl(pair, [pair.args], seed=1)() != look()


def test_what_is_not_finite_is_none():
    pair = CHAIN()
    with torch.no_grad():
        pair.encoders[1].log_scale.fill_(float("inf"))
    assert layer_kl(pair, [(pair.sample(3, seed=1),)])()["kl[z2]"] is None


def test_a_thousand_rows_are_enough():
    source = batches(torch.zeros(5000, 2), 300, shuffle=False, device="cpu")
    assert [len(rows[0]) for rows in first_rows(source)] == [300, 300, 300, 300]
    small = batches(torch.zeros(50, 2), 20, shuffle=False, device="cpu")
    assert [len(rows[0]) for rows in first_rows(small)] == [20, 20, 10]


def test_without_validation_the_first_batch_is_looked_at():
    pair = CHAIN()
    run = fit(
        pair.model, pair.guide, pair.sample(40, seed=1), objective=ELBO(), epochs=3, batch_size=10,
        lr=1e-9, device="cpu",
    )  # fmt: skip
    kls = [entry["kl[z2]"] for entry in run.history]
    assert kls[0] == pytest.approx(kls[2], rel=1e-4), "the same rows and noise every time"

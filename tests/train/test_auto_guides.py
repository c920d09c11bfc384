"""Automatic guides under minibatches: said where a posterior belongs to a place in the batch."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, autoguide
from pyro.infer.autoguide import (
    AutoDelta,
    AutoDiagonalNormal,
    AutoGaussian,
    AutoGuideList,
    AutoHierarchicalNormalMessenger,
    AutoIAFNormal,
    AutoLaplaceApproximation,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
    AutoNormalMessenger,
    AutoStructured,
)
from torch import nn

from pyrovae import fit
from pyrovae.errors import PlateWarning
from pyrovae.objectives import ELBO

N, B, D = 30, 10, 3
W = torch.randn(2, D, generator=torch.Generator().manual_seed(0))
X = torch.randn(N, D, generator=torch.Generator().manual_seed(1))
ROWS = torch.arange(float(N))

GUIDES = {
    "AutoDelta": AutoDelta,
    "AutoNormal": AutoNormal,
    "AutoDiagonalNormal": AutoDiagonalNormal,
    "AutoMultivariateNormal": AutoMultivariateNormal,
    "AutoLowRankMultivariateNormal": partial(AutoLowRankMultivariateNormal, rank=1),
    "AutoIAFNormal": partial(AutoIAFNormal, hidden_dim=[70]),
    "AutoLaplaceApproximation": AutoLaplaceApproximation,
    "AutoStructured": partial(
        AutoStructured, conditionals={"z": "normal", "bias": "delta"}, dependencies={}
    ),
}


def local(x):
    bias = pyro.sample("bias", dist.Normal(torch.zeros(D), 1.0).to_event(1))
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z @ W + bias, 1.0).to_event(1), obs=x)


def regression(x):
    """Global latents alone, of which one has a plate as large as the batch."""
    with pyro.plate("features", B):
        w = pyro.sample("w", dist.Normal(x.new_zeros(()), 1.0))
    with pyro.plate("data", len(x)):
        pyro.sample("x", dist.Normal(w.sum() * x.new_ones(D), 1.0).to_event(1), obs=x)


def train(model, guide, x=X, batch_size=B, **options):
    pyro.set_rng_seed(0)
    return fit(
        model, guide, x, epochs=1, batch_size=batch_size, device="cpu", progress=False,
        **{"objective": ELBO(batch_plate=None), **options},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def clean():
    pyro.clear_param_store()


@pytest.mark.parametrize("name", GUIDES)
def test_posteriors_of_places_are_named(name):
    with pytest.warns(PlateWarning) as told:
        train(local, GUIDES[name](local))
    (one,) = told
    assert f"fit: {name} keeps one posterior of 'z' for each of 10 places" in str(one.message)
    assert "batch_size=30" in str(one.message) and one.filename == __file__


@pytest.mark.parametrize("name", GUIDES)
def test_all_data_at_once_are_no_places(name):
    train(local, GUIDES[name](local), batch_size=N)


@pytest.mark.parametrize("name", [n for n in GUIDES if n != "AutoStructured"])
def test_global_latents_belong_to_all_batches(name):
    train(regression, GUIDES[name](regression))


def test_parts_of_a_list_are_looked_at():
    def made(part):
        guide = AutoGuideList(local)
        guide.append(AutoNormal(poutine.block(local, hide=["z"])))
        guide.append(part(poutine.block(local, expose=["z"])))
        return guide

    with pytest.warns(PlateWarning, match="AutoDelta keeps one posterior of 'z' "):
        train(local, made(AutoDelta))
    network = nn.Linear(D, 2)

    def amortised(x):
        pyro.module("network", network)
        with pyro.plate("rows", len(x)):  # the list itself makes the plate "data"
            pyro.sample("z", dist.Normal(network(x), 1.0).to_event(1))

    train(local, made(lambda _: amortised))


def test_guides_within_guides_are_found():
    inner = AutoNormal(local)

    def guide(x):
        return inner(x)

    with pytest.warns(PlateWarning, match="'z'"):
        train(local, guide)

    class Pair:
        def __init__(self):
            self.auto = AutoNormal(local)

        def guide(self, x):
            return self.auto(x)

    with pytest.warns(PlateWarning, match="'z'"):
        train(local, Pair().guide)


@pytest.mark.parametrize("kind", [AutoNormalMessenger, AutoHierarchicalNormalMessenger])
def test_messengers_amortise_plates_by_name(kind):
    with pytest.warns(PlateWarning, match="'z'"):
        train(local, kind(local), objective=Trace_ELBO())
    pyro.clear_param_store()
    train(local, kind(local, amortized_plates=("data",)), objective=Trace_ELBO())


def subsampled(x, rows):
    with pyro.plate("data", N, subsample=rows.long()):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z @ W, 1.0).to_event(1), obs=x)


@pytest.mark.parametrize("kind", [AutoNormal, AutoDelta])
def test_a_plate_that_subsamples_keeps_a_posterior_for_each_datum(kind):
    guide = kind(
        subsampled, create_plates=lambda x, rows: pyro.plate("data", N, subsample=rows.long())
    )
    train(subsampled, guide, (X, ROWS), objective=Trace_ELBO())
    assert len(guide.locs.z if kind is AutoNormal else guide.z) == N


def test_every_kind_of_pyro_is_thought_of():
    tried = {*GUIDES, "AutoGuideList", "AutoNormalMessenger", "AutoHierarchicalNormalMessenger"}
    others = {
        "AutoCallable", "AutoContinuous", "AutoDiscreteParallel", "AutoGaussian", "AutoGuide",
        "AutoMessenger", "AutoNormalizingFlow", "AutoRegressiveMessenger",
    }  # fmt: skip
    assert {n for n in dir(autoguide) if n.startswith("Auto")} == tried | others
    assert issubclass(AutoGaussian, autoguide.AutoGuide)

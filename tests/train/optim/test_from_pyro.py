"""The options and the state of a `pyro.optim` wrapper hold for one optimiser over all leaves."""

import pyro
import pytest
import torch
from pyro.infer import Trace_ELBO

from pyrovae.train import SVI
from tests.train.optim.test_joint import leaves, train
from tests.train.step.test_svi import networks, pair


@pytest.mark.parametrize("arguments", [1, 2])
def test_options_by_parameter(arguments):
    def one(name):
        return {"lr": 1e-2 if name.startswith("encoder") else 0.0}

    def two(module, name):
        return {"lr": 1e-2 if module == "encoder" else 0.0}

    nets = networks()
    before = [p.detach().clone() for p in leaves(nets)]
    svi = SVI(*pair(*nets), pyro.optim.Adam(one if arguments == 1 else two), Trace_ELBO())
    train(svi)
    moved = [not torch.equal(b, p) for b, p in zip(before, leaves(nets), strict=True)]
    assert moved == [True] * 4 + [False] * 2


def scheduler(gamma=0.5, options=None):
    arguments = {"optimizer": torch.optim.Adam, "gamma": gamma}
    return pyro.optim.ExponentialLR({**arguments, "optim_args": options or {"lr": 1e-2}})


def test_a_scheduler_is_stepped_by_its_wrapper():
    results = []
    for svi_class in (SVI, pyro.infer.SVI):
        pyro.clear_param_store()
        optim = scheduler()
        svi = svi_class(*pair(*networks()), optim, Trace_ELBO())
        losses = []
        for seed in range(3):
            losses += train(svi, steps=2, seed=seed)
            optim.step()
        results.append(losses)
    assert results[0] == results[1]


@pytest.mark.parametrize("writer", [SVI, pyro.infer.SVI])
@pytest.mark.parametrize(
    "make",
    [
        lambda: pyro.optim.Adam({"lr": 1e-2}),
        lambda: pyro.optim.ClippedAdam({"lr": 1e-2, "lrd": 0.9}),
        lambda: pyro.optim.Adam(lambda name: {"lr": 1e-2 if "weight" in name else 1e-3}),
        scheduler,
        lambda: scheduler(options=lambda name: {"lr": 1e-2 if "weight" in name else 1e-3}),
    ],
)
def test_state_is_saved_and_loaded(make, writer, tmp_path):
    """The steps after a load are those of a run that went on."""
    nets, optim = networks(), make()
    svi = writer(*pair(*nets), optim, Trace_ELBO())
    train(svi)
    if isinstance(optim, pyro.optim.PyroLRScheduler):
        optim.step()
    optim.save(tmp_path / "optim.pt")
    values = [p.detach().clone() for p in leaves(nets)]
    went_on = train(svi, seed=8)
    if isinstance(optim, pyro.optim.PyroLRScheduler):
        optim.step()
    went_on += train(svi, seed=9)

    pyro.clear_param_store()
    nets, optim = networks(seed=5), make()
    with torch.no_grad():
        for leaf, value in zip(leaves(nets), values, strict=True):
            leaf.copy_(value)
    optim.load(tmp_path / "optim.pt")
    svi = SVI(*pair(*nets), optim, Trace_ELBO())
    loaded = train(svi, seed=8)
    if isinstance(optim, pyro.optim.PyroLRScheduler):
        optim.step()
    loaded += train(svi, seed=9)
    assert loaded == went_on


def test_state_of_the_network_that_comes_second_under_a_name(tmp_path):
    first = SVI(*pair(*networks(1)), pyro.optim.Adam({"lr": 1e-2}), Trace_ELBO())
    train(first)
    nets, optim = networks(2), pyro.optim.Adam({"lr": 1e-2})
    svi = SVI(*pair(*nets), optim, Trace_ELBO())
    train(svi)
    optim.save(tmp_path / "optim.pt")
    fresh = pyro.optim.Adam({"lr": 1e-2})
    fresh.load(tmp_path / "optim.pt")
    values = [p.detach().clone() for p in leaves(nets)]
    went_on = train(svi, seed=8)
    with torch.no_grad():
        for leaf, value in zip(leaves(nets), values, strict=True):
            leaf.copy_(value)
    assert train(SVI(*pair(*nets), fresh, Trace_ELBO()), seed=8) == went_on

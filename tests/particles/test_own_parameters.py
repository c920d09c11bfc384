"""A pair computes with the tensors of its own networks, frozen ones too."""

import copy
import io
import pickle

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import (
    AutoNormal,
)
from pyro.nn import PyroModule
from torch import nn

from pyrovae import fit, log_evidence, trainable
from pyrovae.models import VAE
from pyrovae.nn import Normal
from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles.own_parameters import captured_parameters
from tests.particles.store_pairs import (
    TRAIN,
    USES,
    Guide,
    Model,
    X,
    Y,
    adam,
    bayesian,
    networks,
    pair,
    parameters,
    trained,
)

FROZEN = "ignore:.*was not registered in the param store"  # Pyro says so of each


def _resumed(model, guide, folder):
    for epochs in (2, 4):
        fit(
            model, guide, X, objective=ELBO(), epochs=epochs, lr=0.1, progress=False,
            run_dir=folder, resume=True,
        )  # fmt: skip


@pytest.mark.filterwarnings(FROZEN)
@pytest.mark.usefixtures("interpreted")
class TestFrozen:
    MEASURE = ("log_evidence", "elbo_parts", "trainable", "evaluate_loss")

    @pytest.mark.parametrize("use", [*MEASURE, *TRAIN, "compiled", "resumed"])
    @pytest.mark.parametrize("layer", [nn.Linear, PyroModule[nn.Linear]])
    @pytest.mark.parametrize(
        "names", [{"decoder.weight"}, {"bias"}, {"sigma_unconstrained"}, {"shift_unconstrained"}]
    )
    def test_of_a_pyro_module(self, names, layer, use, tmp_path):
        model, guide = Model(layer), Guide(layer)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name not in names)
        before = dict(zip(dict(model.named_parameters()), parameters(model), strict=True))
        if use in self.MEASURE:
            USES[use](model, guide)
        elif use == "compiled":
            trained(model, guide, X, ELBO(), 0.1, compile=True)
        elif use == "resumed":
            _resumed(model, guide, tmp_path)
        else:
            TRAIN[use](model, guide, X, ELBO())
        for name, parameter in model.named_parameters():
            assert parameter.requires_grad == (name not in names), name
            moves = use not in self.MEASURE and name not in names
            assert torch.equal(parameter, before[name]) != moves, name

    @pytest.mark.parametrize("train", TRAIN)
    def test_of_an_autoguide_and_a_param_statement(self, train):
        def model(x):
            bayesian(x)
            noise = pyro.param("noise", torch.tensor(1.0), constraint=dist.constraints.positive)
            pyro.sample("more", dist.Normal(0.0, noise), obs=torch.tensor(3.0))

        guide = AutoNormal(model)
        leaves = trainable(model, guide, Y)
        frozen = {name for name in leaves if name == "noise" or name.endswith("locs.mean")}
        assert len(frozen) == 2
        for name in frozen:
            leaves[name].requires_grad_(False)
        before = {name: leaf.detach().clone() for name, leaf in leaves.items()}
        log_evidence(model, guide, Y, num_particles=2, batch_plate=None)
        TRAIN[train](model, guide, Y, ELBO(batch_plate=None))
        for name, leaf in leaves.items():
            assert torch.equal(leaf, before[name]) == (name in frozen), name
            assert leaf.requires_grad != (name in frozen)


@pytest.mark.usefixtures("interpreted")
class TestPickles:
    """Pyro marks parameters with weak references, which cannot be pickled."""

    @pytest.mark.parametrize("use", USES)
    def test_networks(self, use):
        vae, nets = VAE((3,), 2, likelihood=Normal()), networks(1)
        for model, guide, owner in ((vae.model, vae.guide, vae), (*pair(*nets), nets)):
            USES[use](model, guide)
            again = pickle.loads(pickle.dumps(owner))
            for before, after in zip(
                parameters(*_modules(owner)), parameters(*_modules(again)), strict=True
            ):
                assert torch.equal(before, after)
            torch.save(owner, io.BytesIO())
            pickle.dumps(copy.deepcopy(owner))
            pickle.dumps([list(module.parameters()) for module in _modules(owner)])

    @pytest.mark.parametrize("train", TRAIN)
    def test_pyro_modules_and_autoguides(self, train):
        model, guide, auto = Model(), Guide(), AutoNormal(bayesian)
        TRAIN[train](model, guide, X, ELBO())
        TRAIN[train](bayesian, auto, Y, ELBO(batch_plate=None))
        for module in (model, guide, auto):
            pickle.dumps(list(module.parameters()))
            pickle.dumps(module)

    def test_pyros_own_svi_finds_the_leaves(self):
        nets = networks(1)
        before = parameters(*nets)
        pyro.infer.SVI(*pair(*nets), adam(0.1), IWAE(2)).step(X)
        assert not any(map(torch.equal, before, parameters(*nets)))


def _modules(owner):
    return owner if isinstance(owner, tuple) else (owner,)


def test_leaves_are_unconstrained_and_named():
    def guide(x):
        scale = pyro.param("scale", torch.tensor(0.7), constraint=dist.constraints.positive)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x, scale))

    with captured_parameters() as leaves:
        guide(torch.tensor([0.5, -1.0, 2.0]))
    assert list(leaves) == ["scale"]
    assert leaves["scale"].is_leaf
    torch.testing.assert_close(leaves["scale"].exp().detach(), torch.tensor(0.7))

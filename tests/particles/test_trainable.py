"""The leaves of a pair in every style, and the errors where they would not train."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI
from torch import nn

from pyrovae.errors import ParameterError
from pyrovae.objectives import IWAE
from pyrovae.particles import draw
from pyrovae.particles.parameters import declare, trainable
from tests.pairs import STYLES
from tests.particles.network_pairs import (
    GuideModule,
    ModelModule,
    X,
    guide_of,
    local_params,
    model_of,
)


class TestTrainable:
    @pytest.mark.parametrize(
        ("style", "names"),
        [
            ("param_functions", {"w", "b", "sigma", "a", "s"}),
            (
                "module_functions",
                {f"{n}$$${i}.{w}" for n in ("encoder", "decoder") for i in (0, 2)
                 for w in ("weight", "bias")},
            ),
            (
                "nested_plate",
                {"w", "s", *(f"net$$${i}.{w}" for i in (0, 2) for w in ("weight", "bias"))},
            ),
        ],
    )  # fmt: skip
    def test_names_are_pyros(self, style, names):
        pair = STYLES[style](torch.float64)
        assert trainable(pair.model, pair.guide, *pair.args).keys() == names

    def test_a_constrained_parameter_comes_unconstrained(self):
        pair = STYLES["param_functions"](torch.float64)
        leaves = trainable(pair.model, pair.guide, *pair.args)
        torch.testing.assert_close(leaves["sigma"].exp(), torch.tensor(0.8).double())
        assert leaves["sigma"] is pyro.param("sigma").unconstrained()

    @pytest.mark.parametrize("local", [False, True])
    def test_pyro_modules_in_both_modes(self, local):
        with local_params(local):
            model, guide = ModelModule("decoder"), GuideModule("encoder")
            leaves = trainable(model, guide, X)
            assert leaves["sigma"] is model.sigma_unconstrained
        own = {id(p) for module in (model, guide) for p in module.parameters()}
        assert {id(leaf) for leaf in leaves.values()} == own
        assert len(leaves) == 5

    @pytest.mark.parametrize("style", ["family", "convolutions", "pyro_module"])
    def test_the_tensors_are_the_networks_own(self, style):
        pair = STYLES[style](torch.float64)
        leaves = trainable(pair.model, pair.guide, *pair.args)
        own = {id(p) for p in pair.model.__self__.parameters()}
        assert {id(leaf) for leaf in leaves.values()} == own

    def test_has_no_side_effects(self):
        norm = nn.BatchNorm1d(3)
        pair = model_of(nn.Linear(2, 3)), guide_of(nn.Sequential(norm, nn.Linear(3, 4)))
        state = torch.get_rng_state()
        leaves = trainable(*pair, X)
        assert torch.equal(state, torch.get_rng_state())
        assert all(leaf.grad is None for leaf in leaves.values())
        assert norm.num_batches_tracked == 0
        assert (norm.running_mean == 0).all()
        assert (norm.running_var == 1).all()

    def test_works_without_grad_around_it(self):
        with torch.no_grad():
            assert len(trainable(model_of(nn.Linear(2, 3)), guide_of(nn.Linear(3, 4)), X)) == 4

    def test_frozen_layers_are_left_out(self):
        net = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4))
        net[0].requires_grad_(False)
        leaves = trainable(model_of(nn.Linear(2, 3)), guide_of(net, register=declare), X)
        assert {n for n in leaves if n.startswith("enc")} == {
            "encoder$$$1.weight", "encoder$$$1.bias",
        }  # fmt: skip

    def test_a_shared_tensor_comes_once(self):
        first, second = nn.Linear(3, 4), nn.Linear(2, 3)
        tied = nn.Linear(4, 3)
        tied.weight = nn.Parameter(first.weight.detach().T.clone())
        encoder = nn.Sequential(first, nn.Tanh(), tied, first)
        decoder = nn.Sequential(second, first, tied)
        leaves = trainable(model_of(decoder), guide_of(encoder), X)
        assert len(leaves) == len({id(leaf) for leaf in leaves.values()}) == 6
        torch.optim.Adam(leaves.values())  # it warns where a tensor comes twice

    def test_a_stale_store_does_not_matter(self):
        for _ in range(2):
            encoder, decoder = nn.Linear(3, 4), nn.Linear(2, 3)
            leaves = trainable(model_of(decoder), guide_of(encoder), X)
            assert leaves["encoder$$$weight"] is encoder.weight
            assert leaves["decoder$$$bias"] is decoder.bias

    def test_channels_last_weights(self):
        """Pyro's store would copy them, and they would never train."""
        conv = nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last)
        assert not conv.weight.is_contiguous()

        def guide(x):
            pyro.module("conv", conv)
            with pyro.plate("data", len(x)):
                out = conv(x.reshape(len(x), 3, 2, 2)).flatten(1)
                loc, log_scale = out.chunk(2, -1)
                pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

        pair = model_of(nn.Linear(2, 12)), guide
        x = torch.randn(5, 12)
        assert trainable(*pair, x)["conv$$$weight"] is conv.weight
        before = conv.weight.detach().clone()
        SVI(*pair, pyro.optim.Adam({"lr": 0.1}), IWAE(1)).step(x)
        assert ((conv.weight - before).abs() > 0.05).all()


class TestErrors:
    def test_a_network_that_is_not_declared(self):
        pair = model_of(nn.Linear(2, 3), register=None), guide_of(nn.Linear(3, 4))
        with pytest.raises(ParameterError, match=r"site 'x' depends on .*\[3.*pyro\.module"):
            trainable(*pair, X)
        pair = model_of(nn.Linear(2, 3)), guide_of(nn.Linear(3, 4), register=None)
        with pytest.raises(ParameterError, match="site 'z' depends"):
            trainable(*pair, X)

    def test_a_network_that_is_frozen_need_not_be(self):
        fixed = nn.Linear(2, 3).requires_grad_(False)
        assert len(trainable(model_of(fixed, register=None), guide_of(nn.Linear(3, 4)), X)) == 2

    def test_data_that_require_grad_are_no_parameters(self):
        x = X.clone().requires_grad_()
        assert len(trainable(model_of(nn.Linear(2, 3)), guide_of(nn.Linear(3, 4)), x)) == 4

    def test_no_parameters(self):
        fixed = nn.Linear(2, 3).requires_grad_(False), nn.Linear(3, 4).requires_grad_(False)
        pair = model_of(fixed[0], register=None), guide_of(fixed[1], register=None)
        with pytest.raises(ParameterError, match="declares no parameters"):
            trainable(*pair, X)

    @pytest.mark.parametrize("call", [trainable, IWAE(2).loss_and_grads, draw])
    def test_two_networks_with_one_name(self, call):
        """One of the two would be nobody's: no optimiser sees it, in any loop."""
        pair = model_of(nn.Linear(2, 3), "net"), guide_of(nn.Linear(3, 4), "net")
        with pytest.raises(ParameterError, match=r"two tensors as parameter 'net\$\$\$weight'"):
            call(*pair, X)

    def test_two_networks_with_one_name_in_one_program(self):
        encoder = nn.Linear(3, 4)

        def guide(x):
            pyro.module("encoder", nn.Linear(3, 4))
            guide_of(encoder)(x)

        with pytest.raises(ParameterError, match="two tensors"):
            trainable(model_of(nn.Linear(2, 3)), guide, X)

    def test_one_network_in_both_programs_is_fine(self):
        shared = nn.Linear(3, 3)

        def with_shared(program):
            def inner(x):
                pyro.module("shared", shared)
                program(shared(x) if program is guide else x)

            return inner

        guide = guide_of(nn.Linear(3, 4))
        leaves = trainable(with_shared(model_of(nn.Linear(2, 3))), with_shared(guide), X)
        assert leaves["shared$$$weight"] is shared.weight

    def test_pyro_modules_with_equal_attributes(self):
        with pytest.raises(ParameterError, match="two tensors as parameter 'net"):
            IWAE(1).loss(ModelModule("net"), GuideModule("net"), X)
        with local_params(True):
            pair = ModelModule("net"), GuideModule("net")
            # Sound where the modules' own parameters are optimised ...
            IWAE(1)(*pair)(X).backward()
            assert all(p.grad is not None for module in pair for p in module.parameters())
            # ... and not where parameters are collected by name.
            with pytest.raises(ParameterError, match="two tensors as parameter 'net"):
                trainable(*pair, X)

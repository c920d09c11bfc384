"""The leaves and buffers of a pair in every style, and the errors where they would not train."""

import random
from contextlib import nullcontext

import numpy as np
import pyro
import pyro.distributions as dist
import pyro.distributions.transforms as T
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.nn import PyroModule, PyroParam
from torch import nn

from pyrovae.errors import ParameterError
from pyrovae.models import VAE
from pyrovae.nn import Normal
from pyrovae.objectives import ELBO, IWAE
from pyrovae.particles import draw, plate_nesting
from pyrovae.particles.isolation import isolated
from pyrovae.particles.parameters import buffers, declare, frozen, trainable
from tests.pairs import STYLES

X = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def _mode(local):
    return pyro.settings.context(module_local_params=local)


def _model(net, name="decoder", register=pyro.module):
    def model(x):
        if register:
            register(name, net)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(net(z), 1.0).to_event(1), obs=x)

    return model


def _guide(net, name="encoder", register=pyro.module):
    def guide(x):
        if register:
            register(name, net)
        with pyro.plate("data", len(x)):
            loc, log_scale = net(x).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))

    return guide


class ModelModule(PyroModule):
    def __init__(self, name="net"):
        super().__init__()
        self.name = name
        setattr(self, name, nn.Linear(2, 3))
        self.norm = nn.BatchNorm1d(3, affine=False)
        self.sigma = PyroParam(torch.tensor(0.8), dist.constraints.positive)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
            loc = self.norm(getattr(self, self.name)(z))
            pyro.sample("x", dist.Normal(loc, self.sigma).to_event(1), obs=x)


class GuideModule(PyroModule):
    def __init__(self, name="net"):
        super().__init__()
        self.name = name
        setattr(self, name, nn.Linear(3, 4))
        self.norm = nn.BatchNorm1d(3, affine=False)

    def forward(self, x):
        with pyro.plate("data", len(x)):
            loc, log_scale = getattr(self, self.name)(self.norm(x)).chunk(2, -1)
            pyro.sample("z", dist.Normal(loc, log_scale.exp()).to_event(1))


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
        with _mode(local):
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
        pair = _model(nn.Linear(2, 3)), _guide(nn.Sequential(norm, nn.Linear(3, 4)))
        state = torch.get_rng_state()
        leaves = trainable(*pair, X)
        assert torch.equal(state, torch.get_rng_state())
        assert all(leaf.grad is None for leaf in leaves.values())
        assert norm.num_batches_tracked == 0
        assert (norm.running_mean == 0).all()
        assert (norm.running_var == 1).all()

    def test_works_without_grad_around_it(self):
        with torch.no_grad():
            assert len(trainable(_model(nn.Linear(2, 3)), _guide(nn.Linear(3, 4)), X)) == 4

    def test_frozen_layers_are_left_out(self):
        net = nn.Sequential(nn.Linear(3, 5), nn.Linear(5, 4))
        net[0].requires_grad_(False)
        leaves = trainable(_model(nn.Linear(2, 3)), _guide(net, register=declare), X)
        assert {n for n in leaves if n.startswith("enc")} == {
            "encoder$$$1.weight", "encoder$$$1.bias",
        }  # fmt: skip

    def test_a_shared_tensor_comes_once(self):
        first, second = nn.Linear(3, 4), nn.Linear(2, 3)
        tied = nn.Linear(4, 3)
        tied.weight = nn.Parameter(first.weight.detach().T.clone())
        encoder = nn.Sequential(first, nn.Tanh(), tied, first)
        decoder = nn.Sequential(second, first, tied)
        leaves = trainable(_model(decoder), _guide(encoder), X)
        assert len(leaves) == len({id(leaf) for leaf in leaves.values()}) == 6
        torch.optim.Adam(leaves.values())  # it warns where a tensor comes twice

    def test_a_stale_store_does_not_matter(self):
        for _ in range(2):
            encoder, decoder = nn.Linear(3, 4), nn.Linear(2, 3)
            leaves = trainable(_model(decoder), _guide(encoder), X)
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

        pair = _model(nn.Linear(2, 12)), guide
        x = torch.randn(5, 12)
        assert trainable(*pair, x)["conv$$$weight"] is conv.weight
        before = conv.weight.detach().clone()
        SVI(*pair, pyro.optim.Adam({"lr": 0.1}), IWAE(1)).step(x)
        assert ((conv.weight - before).abs() > 0.05).all()


class TestErrors:
    def test_a_network_that_is_not_declared(self):
        pair = _model(nn.Linear(2, 3), register=None), _guide(nn.Linear(3, 4))
        with pytest.raises(ParameterError, match=r"site 'x' depends on .*\[3.*pyro\.module"):
            trainable(*pair, X)
        pair = _model(nn.Linear(2, 3)), _guide(nn.Linear(3, 4), register=None)
        with pytest.raises(ParameterError, match="site 'z' depends"):
            trainable(*pair, X)

    def test_a_network_that_is_frozen_need_not_be(self):
        fixed = nn.Linear(2, 3).requires_grad_(False)
        assert len(trainable(_model(fixed, register=None), _guide(nn.Linear(3, 4)), X)) == 2

    def test_data_that_require_grad_are_no_parameters(self):
        x = X.clone().requires_grad_()
        assert len(trainable(_model(nn.Linear(2, 3)), _guide(nn.Linear(3, 4)), x)) == 4

    def test_no_parameters(self):
        fixed = nn.Linear(2, 3).requires_grad_(False), nn.Linear(3, 4).requires_grad_(False)
        pair = _model(fixed[0], register=None), _guide(fixed[1], register=None)
        with pytest.raises(ParameterError, match="declares no parameters"):
            trainable(*pair, X)

    @pytest.mark.parametrize("call", [trainable, IWAE(2).loss_and_grads, draw])
    def test_two_networks_with_one_name(self, call):
        """One of the two would be nobody's: no optimiser sees it, in any loop."""
        pair = _model(nn.Linear(2, 3), "net"), _guide(nn.Linear(3, 4), "net")
        with pytest.raises(ParameterError, match=r"two tensors as parameter 'net\$\$\$weight'"):
            call(*pair, X)

    def test_two_networks_with_one_name_in_one_program(self):
        encoder = nn.Linear(3, 4)

        def guide(x):
            pyro.module("encoder", nn.Linear(3, 4))
            _guide(encoder)(x)

        with pytest.raises(ParameterError, match="two tensors"):
            trainable(_model(nn.Linear(2, 3)), guide, X)

    def test_one_network_in_both_programs_is_fine(self):
        shared = nn.Linear(3, 3)

        def with_shared(program):
            def inner(x):
                pyro.module("shared", shared)
                program(shared(x) if program is guide else x)

            return inner

        guide = _guide(nn.Linear(3, 4))
        leaves = trainable(with_shared(_model(nn.Linear(2, 3))), with_shared(guide), X)
        assert leaves["shared$$$weight"] is shared.weight

    def test_pyro_modules_with_equal_attributes(self):
        with pytest.raises(ParameterError, match="two tensors as parameter 'net"):
            IWAE(1).loss(ModelModule("net"), GuideModule("net"), X)
        with _mode(True):
            pair = ModelModule("net"), GuideModule("net")
            # Sound where the modules' own parameters are optimised ...
            IWAE(1)(*pair)(X).backward()
            assert all(p.grad is not None for module in pair for p in module.parameters())
            # ... and not where parameters are collected by name.
            with pytest.raises(ParameterError, match="two tensors as parameter 'net"):
                trainable(*pair, X)


class TestDeclare:
    def test_a_clean_store_takes_the_networks_own_tensors(self):
        net = nn.Linear(2, 3)
        declare("net", net)
        assert pyro.get_param_store()["net$$$weight"] is net.weight
        declare("net", net)

    def test_a_stale_store_is_an_error_under_pyros_own_losses(self):
        declare("net", nn.Linear(2, 3))
        with pytest.raises(ParameterError, match=r"'net\$\$\$weight'.*clear_param_store"):
            declare("net", nn.Linear(2, 3))

    def test_a_stale_store_is_none_under_ours(self):
        declare("decoder", nn.Linear(2, 3))
        net = nn.Linear(2, 3)
        pair = _model(net, register=declare), _guide(nn.Linear(3, 4), register=declare)
        IWAE(2).loss_and_grads(*pair, X)
        assert net.weight.grad is not None
        with pytest.raises(ParameterError, match="another network's tensor"):
            Trace_ELBO().loss(*pair, X)

    def test_copied_weights_are_an_error(self):
        conv = nn.Conv2d(3, 4, 2).to(memory_format=torch.channels_last)
        with pytest.raises(ParameterError, match="contiguous"):
            declare("conv", conv)

    def test_frozen_parameters_are_passed_over(self):
        net = nn.Linear(2, 3)
        net.bias.requires_grad_(False)
        declare("net", net)
        assert list(pyro.get_param_store().keys()) == ["net$$$weight"]


class TestFrozen:
    @pytest.mark.parametrize("style", STYLES)
    def test_no_gradient_reaches_the_leaves(self, style):
        pair = STYLES[style](torch.float64)
        call = (pair.model, pair.guide, *pair.args)
        with _mode(True) if pair.local_params else nullcontext():
            leaves = trainable(*call)
            with frozen(leaves):
                p = draw(*call, num_particles=2)
                assert not p.log_w.requires_grad
                assert not p.model_parameters
                assert not p.guide_parameters
            assert all(leaf.requires_grad for leaf in leaves.values())
            again = trainable(*call)
        assert all(again[name] is leaf for name, leaf in leaves.items())

    @pytest.mark.parametrize("style", ["param_functions", "module_functions", "family"])
    def test_one_side_alone(self, style):
        pair = STYLES[style](torch.float64)
        call = (pair.model, pair.guide, *pair.args)
        p = draw(*call)
        with frozen(p.guide_parameters):
            IWAE(3).loss_and_grads(*call)
        assert all(leaf.grad is None for leaf in p.guide_parameters.values())
        assert all(leaf.grad is not None for leaf in p.model_parameters.values())

    def test_flags_come_back_after_an_error(self):
        weight, fixed = nn.Parameter(torch.zeros(2)), torch.zeros(2)
        with pytest.raises(RuntimeError), frozen({"a": weight, "b": fixed}):
            assert not weight.requires_grad
            raise RuntimeError
        assert weight.requires_grad
        assert not fixed.requires_grad

    def test_nested(self):
        a, b = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(2))
        with frozen({"a": a}):
            with frozen({"a": a, "b": b}):
                assert not b.requires_grad
            assert not a.requires_grad
            assert b.requires_grad
        assert a.requires_grad

    def test_a_flow_that_runs_its_network_when_it_is_scored(self):
        torch.manual_seed(1)
        flow = T.conditional_affine_coupling(2, 3, hidden_dims=[4])
        base = dist.Normal(torch.zeros(2), 1.0).to_event(1)
        q = dist.ConditionalTransformedDistribution(base, [flow]).condition(X)
        z = torch.randn(4, 2)
        assert q.log_prob(z).requires_grad
        with frozen(dict(flow.named_parameters())):
            assert not q.log_prob(z.clone()).requires_grad  # z itself is in the flow's cache


class TestBuffers:
    def test_running_statistics_by_name(self):
        norm = nn.BatchNorm1d(3)
        pair = _model(nn.Linear(2, 3)), _guide(nn.Sequential(norm, nn.Linear(3, 4)))
        found = buffers(*pair, X)
        local = ("running_mean", "running_var", "num_batches_tracked")
        assert found.keys() == {f"encoder$$$0.{name}" for name in local}
        assert found["encoder$$$0.running_mean"] is norm.running_mean
        assert norm.num_batches_tracked == 0

    def test_masks_of_a_flow(self):
        torch.manual_seed(1)
        flow = T.affine_autoregressive(2, hidden_dims=[4])

        def guide(x):
            pyro.module("flow", flow)
            with pyro.plate("data", len(x)):
                base = dist.Normal(x[:, :2], 1.0).to_event(1)
                pyro.sample("z", dist.TransformedDistribution(base, [flow]))

        found = buffers(_model(nn.Linear(2, 3)), guide, X)
        owned = dict(flow.named_buffers())
        assert {id(b) for b in found.values()} == {id(b) for b in owned.values()}
        assert all(name.startswith("flow$$$") for name in found)

    def test_of_a_module_that_holds_both_programs(self):
        vae = VAE((3,), 2, likelihood=Normal())
        found = buffers(vae.model, vae.guide, X)
        assert {id(b) for b in found.values()} == {id(b) for b in vae.buffers()}
        assert found["prior.loc"] is vae.prior.loc

    def test_of_two_modules_with_equal_names(self):
        model, guide = ModelModule("decoder"), GuideModule("encoder")
        found = buffers(model, guide, X)
        assert found["model.norm.running_mean"] is model.norm.running_mean
        assert found["guide.norm.running_mean"] is guide.norm.running_mean
        assert len(found) == 6

    def test_none(self):
        assert buffers(_model(nn.Linear(2, 3)), _guide(nn.Linear(3, 4)), X) == {}


class Codebook(nn.Module):
    """Replaces its buffer at every call, as moving averages are often written."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(3, 4)
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("absent", None)

    def forward(self, x):
        self.count = self.count + 1
        return self.net(x)


class TestUndisturbed:
    @pytest.mark.parametrize("look", [trainable, plate_nesting, buffers])
    def test_buffers_that_are_updated_or_replaced_stay(self, look):
        norm, codebook = nn.BatchNorm1d(3), Codebook()
        kept = norm.running_mean, codebook.count
        look(_model(nn.Linear(2, 3)), _guide(nn.Sequential(norm, codebook)), X)
        assert norm.running_mean is kept[0]
        assert codebook.count is kept[1]
        assert (norm.running_mean == 0).all()
        assert codebook.count == 0
        assert norm.num_batches_tracked == 0

    def test_vectorised_particles_run_a_network_once_per_step(self):
        norm = nn.BatchNorm1d(3)
        pair = _model(nn.Linear(2, 3)), _guide(nn.Sequential(norm, nn.Linear(3, 4)))
        ELBO(3).loss_and_grads(*pair, X)
        assert norm.num_batches_tracked == 1

    def test_random_streams_and_handlers_stay(self):
        def draws():
            return torch.rand(()).item(), np.random.rand(), random.random()

        pyro.set_rng_seed(4)
        expected = draws()
        pyro.set_rng_seed(4)
        with pyro.plate("outer", 3), isolated():
            draws()
            assert pyro.sample("a", dist.Normal(0.0, 1.0)).shape == ()
        assert draws() == expected

    def test_after_an_error_too(self):
        norm = nn.BatchNorm1d(3)
        state = torch.get_rng_state()
        hooks = len(nn.modules.module._global_forward_pre_hooks)
        with pytest.raises(RuntimeError), isolated():
            norm(torch.randn(5, 3))
            raise RuntimeError
        assert norm.num_batches_tracked == 0
        assert torch.equal(state, torch.get_rng_state())
        assert len(nn.modules.module._global_forward_pre_hooks) == hooks

    def test_yields_the_outermost_networks(self):
        inner = nn.Linear(3, 3)
        outer, alone = nn.Sequential(inner, nn.Tanh()), nn.Linear(3, 2)
        with isolated() as networks:
            alone(outer(X))
        assert networks == [outer, alone]

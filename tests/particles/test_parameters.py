"""Declared, frozen and remaining tensors of a pair."""

from contextlib import nullcontext

import pyro
import pyro.distributions as dist
import pyro.distributions.transforms as T
import pytest
import torch
from pyro.infer import Trace_ELBO
from torch import nn

from pyrovae.errors import ParameterError
from pyrovae.models import VAE
from pyrovae.nn import Normal
from pyrovae.objectives import IWAE
from pyrovae.particles import draw
from pyrovae.particles.parameters import buffers, declare, frozen, trainable
from tests.pairs import STYLES
from tests.particles.network_pairs import (
    GuideModule,
    ModelModule,
    X,
    guide_of,
    local_params,
    model_of,
)


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
        pair = model_of(net, register=declare), guide_of(nn.Linear(3, 4), register=declare)
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
        with local_params(True) if pair.local_params else nullcontext():
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
        pair = model_of(nn.Linear(2, 3)), guide_of(nn.Sequential(norm, nn.Linear(3, 4)))
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

        found = buffers(model_of(nn.Linear(2, 3)), guide, X)
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
        assert buffers(model_of(nn.Linear(2, 3)), guide_of(nn.Linear(3, 4)), X) == {}

"""What a pair reads from Pyro's store and leaves there: never another pair's tensors."""

import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import RenyiELBO, Trace_ELBO, TraceEnum_ELBO
from pyro.infer.autoguide import (
    AutoDiagonalNormal,
    AutoLowRankMultivariateNormal,
    AutoMultivariateNormal,
    AutoNormal,
)
from pyro.nn import PyroParam
from torch import nn

from pyrovae import SVI, fit, log_evidence, trainable
from pyrovae.errors import ParameterError
from pyrovae.objectives import ELBO
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
    same,
    trained,
)


class TestLoaded:
    """`pyro.module(..., update_module_params=True)` takes the store's tensors, else none does."""

    @staticmethod
    def _load(kind, tmp_path):
        source = networks(1)
        pyro.module("encoder", source[0]), pyro.module("decoder", source[1])
        store = pyro.get_param_store()
        if kind == "file":
            store.save(str(tmp_path / "store"))
            pyro.clear_param_store()
            store.load(str(tmp_path / "store"))
        else:
            state = store.get_state()
            pyro.clear_param_store()
            if kind == "tensors":
                params = state["params"].items()
                state["params"] = {n: p.detach().clone().requires_grad_() for n, p in params}
            store.set_state(state)
        return source

    @pytest.mark.parametrize("kind", ["file", "state", "tensors"])
    @pytest.mark.parametrize("use", USES)
    def test_the_network_takes_what_was_loaded(self, use, kind, tmp_path):
        source, own = self._load(kind, tmp_path), networks(2)
        USES[use](*pair(*own, update_module_params=True))
        assert same(parameters(*own), parameters(*source))
        found = pyro.get_param_store()
        assert found["encoder$$$weight"] is own[0].weight
        assert len(found) == 4

    def test_training_resumes_where_pyro_resumes(self, tmp_path):
        losses = []
        for svi_class in (pyro.infer.SVI, SVI):
            pyro.clear_param_store()
            self._load("file", tmp_path)
            model, guide = pair(*networks(2), update_module_params=True)
            svi = svi_class(model, guide, adam(0.1), Trace_ELBO())
            pyro.set_rng_seed(4)
            losses.append([svi.step(X) for _ in range(4)])
        assert losses[0] == losses[1]

    @pytest.mark.parametrize("use", USES)
    def test_without_it_networks_keep_their_own(self, use, tmp_path):
        source, own = self._load("file", tmp_path), networks(2)
        before = parameters(*own)
        USES[use](*pair(*own))
        assert same(parameters(*own), before)
        if not use.startswith("SVI"):
            stored = pyro.get_param_store()["encoder$$$weight"]
            assert torch.equal(stored, source[0].weight)

    def test_a_store_of_other_shapes_is_an_error(self):
        pyro.module("encoder", nn.Linear(7, 4))
        with pytest.raises(ParameterError, match=r"\[4, 7\].*'encoder.*\[4, 3\]"):
            trainable(*pair(*networks(1), update_module_params=True), X)

    @pytest.mark.parametrize("make", [AutoNormal, AutoDiagonalNormal])
    def test_an_autoguide_takes_what_was_loaded(self, make, tmp_path):
        first, second, third = make(bayesian), make(bayesian), make(bayesian)
        trained(bayesian, first, Y, Trace_ELBO(), 0.1)
        pyro.get_param_store().save(str(tmp_path / "store"))
        pyro.clear_param_store()
        pyro.get_param_store().load(str(tmp_path / "store"))
        trainable(bayesian, second, Y)
        assert same(parameters(second), parameters(first))
        trainable(bayesian, third, Y)
        assert not same(parameters(third), parameters(first))


class TestNobodysMemory:
    @pytest.mark.parametrize("train", TRAIN)
    @pytest.mark.parametrize(
        "make",
        [
            AutoNormal,
            AutoDiagonalNormal,
            AutoMultivariateNormal,
            lambda model: AutoLowRankMultivariateNormal(model, rank=1),
        ],
    )
    def test_a_second_autoguide_starts_afresh(self, make, train):
        pyro.set_rng_seed(0)
        fresh = make(bayesian)
        trainable(bayesian, fresh, Y)
        start = parameters(fresh)
        pyro.clear_param_store()
        first = make(bayesian)
        TRAIN[train](bayesian, first, Y, ELBO(batch_plate=None))
        after = parameters(first)
        pyro.set_rng_seed(0)
        second = make(bayesian)
        trainable(bayesian, second, Y)
        assert same(parameters(second), start)
        TRAIN[train](bayesian, second, Y, ELBO(batch_plate=None))
        assert same(parameters(first), after), "the second trains tensors of its own"

    @pytest.mark.parametrize("train", TRAIN)
    def test_a_second_pyro_module_starts_afresh(self, train):
        first = Model(), Guide()
        TRAIN[train](*first, X, ELBO())
        after = parameters(*first)
        second = Model(), Guide()
        before = parameters(*second)
        log_evidence(*second, X, num_particles=3)
        assert same(parameters(*second), before)
        TRAIN[train](*second, X, ELBO())
        assert same(parameters(*first), after)
        assert not same(parameters(*second), before)

    def test_a_function_and_a_pyro_module_of_one_name(self):
        def model(x):
            sigma = pyro.param("sigma", torch.tensor(5.0), constraint=dist.constraints.positive)
            with pyro.plate("data", len(x)):
                pyro.sample("x", dist.Normal(0.0, sigma).expand([3]).to_event(1), obs=x)

        def guide(x):
            pass

        fit(model, guide, X, objective=ELBO(), epochs=2, lr=0.1, progress=False)
        kept = pyro.param("sigma").item()
        module = Model()
        fit(module, Guide(), X, objective=ELBO(), epochs=2, lr=0.01, progress=False)
        assert module.sigma.item() == pytest.approx(0.8, abs=0.1)
        assert pyro.param("sigma").item() == kept, "nobody else remembers it"

    def test_fit_and_measuring_leave_values_of_param_statements_alone(self):
        def model(x):
            pair_model(x)
            pyro.param("w", torch.tensor(1.0))

        networks_ = networks(1)
        pair_model, guide = pair(*networks_)
        log_evidence(model, guide, X, num_particles=3)
        fit(model, guide, X, objective=ELBO(), epochs=1, progress=False)
        assert list(pyro.get_param_store()) == ["w"]
        trained(model, guide, X, ELBO(), 0.1)
        assert pyro.get_param_store()["encoder$$$weight"] is networks_[0].weight

    def test_values_of_param_statements_are_a_pairs_memory_until_they_are_cleared(self):
        def model(x):
            w = pyro.param("w", torch.tensor(1.0))
            with pyro.plate("data", len(x)):
                pyro.sample("x", dist.Normal(w, 1.0), obs=x)

        def guide(x):
            pass

        fit(model, guide, Y, objective=ELBO(), epochs=3, lr=0.1, progress=False)
        value = pyro.param("w").item()
        assert value != 1
        fit(model, guide, Y, objective=ELBO(), epochs=1, lr=0.0, progress=False)
        assert pyro.param("w").item() == value
        pyro.clear_param_store()
        fit(model, guide, Y, objective=ELBO(), epochs=1, lr=0.0, progress=False)
        assert pyro.param("w").item() == 1

    def test_svi_lists_the_networks_that_it_trained_last(self, tmp_path):
        for seed in (1, 2):
            nets = networks(seed)
            trained(*pair(*nets), X, ELBO(), 0.1)
        store = pyro.get_param_store()
        assert store["decoder$$$weight"] is nets[1].weight
        assert len(store) == 4

    def test_pyro_params_of_one_name_in_model_and_guide_are_an_error(self):
        class Other(Guide):
            def __init__(self):
                super().__init__()
                self.sigma = PyroParam(torch.tensor(0.3), dist.constraints.positive)

            def forward(self, x):
                _ = self.sigma
                super().forward(x)

        for local in (False, True):
            with pyro.settings.context(module_local_params=local):
                pyro.clear_param_store()
                with pytest.raises(ParameterError, match="two tensors as parameter 'sigma'"):
                    trainable(Model(), Other(), X)


class TestBlocked:
    """A statement that `poutine.block` hides is that of the same parameter."""

    def _pair(self):
        def model(x):
            w = pyro.param("w", torch.tensor(1.0))
            with pyro.plate("data", len(x)):
                pyro.sample("x", dist.Normal(w, 1.0), obs=x)

        def guide(x):
            pass

        return model, guide

    @pytest.mark.parametrize(
        "loss",
        [
            lambda: TraceEnum_ELBO(),  # which looks for the nesting of plates under a block
            lambda: Trace_ELBO(num_particles=2, vectorize_particles=True),
            lambda: RenyiELBO(alpha=0.0, num_particles=2, vectorize_particles=True),
        ],
    )
    def test_training_moves_the_one_parameter(self, loss):
        model, guide = self._pair()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(2):  # the second run begins where the first one ended
                before = pyro.param("w").item() if "w" in pyro.get_param_store() else 1.0
                fit(model, guide, Y, objective=loss(), epochs=2, lr=0.1, progress=False)
                assert pyro.param("w").item() != before
        assert abs(before - 1.0) > 0.05

    def test_a_program_that_blocks_itself(self):
        model, guide = self._pair()
        fit(model, guide, Y, objective=ELBO(), epochs=2, lr=0.1, progress=False)
        value = pyro.param("w").item()
        seen = []

        def blocked(x):
            with poutine.block(hide=["w"]):
                seen.append(pyro.param("w", torch.tensor(1.0)).item())
            model(x)

        log_evidence(blocked, guide, Y, num_particles=2)
        assert set(seen) == {value}
        assert pyro.param("w").item() == value

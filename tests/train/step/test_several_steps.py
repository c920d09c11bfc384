"""`SVI.steps`: the steps of a call as one graph, and the same as one by one."""

import pyro
import pytest
import torch

from pyrovae.data import LinearGaussian
from pyrovae.objectives import ELBO, DReG
from pyrovae.train import SVI
from tests.train.step.compiled_runs import ORACLE


class TestSeveralSteps:
    def batches(self, sizes=(6, 6, 6)):
        return [ORACLE.sample(n, seed=i).double() for i, n in enumerate(sizes)]

    def losses(self, svi, calls):
        pyro.set_rng_seed(5)
        return [svi.steps(call) for call in calls]

    @pytest.mark.parametrize("objective", [ELBO(2), DReG(3)])
    def test_are_the_steps_one_by_one(self, interpreted, objective):
        found = []
        for compile in (False, True):
            pyro.clear_param_store()
            pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=1)
            svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), objective,
                      compile=compile)  # fmt: skip
            losses = self.losses(svi, [self.batches()] * 5)
            found.append((losses, [p.detach().clone() for p in pair.parameters()]))
        torch.testing.assert_close(torch.tensor(found[0][0]), torch.tensor(found[1][0]))
        for a, b in zip(found[0][1], found[1][1], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)
        graphs = svi._compiled._several._graphs
        assert [graph.trusted for key, graph in graphs.items()] == [True]

    def test_the_model_is_run_no_more(self, interpreted):
        pair, runs = LinearGaussian.random(data_dim=5, latent_dim=2, seed=1), []

        def model(x):
            runs.append(None)
            pair.model(x)

        svi = SVI(model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(), compile=True)
        self.losses(svi, [self.batches()] * 4)
        before = len(runs)
        self.losses(svi, [self.batches()] * 3)
        assert len(runs) == before

    def test_unequal_batches_are_taken_one_by_one(self, interpreted):
        calls = [self.batches((6, 6, 4)), self.batches((6, 6, 6)), self.batches((6, 4, 6))] * 2
        found = []
        for compile in (False, True):
            pyro.clear_param_store()
            pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=1)
            svi = SVI(pair.model, pair.guide, pyro.optim.Adam({"lr": 1e-2}), ELBO(),
                      compile=compile)  # fmt: skip
            found.append(torch.tensor(self.losses(svi, calls)))
        torch.testing.assert_close(*found)

    def test_a_rate_holds_from_the_next_call_on(self, interpreted):
        pair = LinearGaussian.random(data_dim=5, latent_dim=2, seed=1)
        optim = torch.optim.SGD(pair.parameters(), lr=1e-3)
        svi = SVI(pair.model, pair.guide, optim, ELBO(), compile=True)
        self.losses(svi, [self.batches()] * 4)
        optim.param_groups[0]["lr"] = 0.0
        kept = [p.detach().clone() for p in pair.parameters()]
        self.losses(svi, [self.batches()])
        assert all(torch.equal(a, b) for a, b in zip(kept, pair.parameters(), strict=True))

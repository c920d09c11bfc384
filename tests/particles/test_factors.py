"""A `pyro.factor` of the guide is called a factor."""

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae.errors import (
    ReparamError,
    SiteError,
)
from pyrovae.objectives import ELBO, IWAE, RWS, STL, TVO, VIMCO, DReG
from pyrovae.particles import draw
from tests.particles.axis_pairs import X


class TestFactors:
    """A `pyro.factor` is called a factor."""

    def pair(self, has_rsample):
        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

        def guide(x):
            a = pyro.param("a", torch.tensor(0.5))
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(a * x, 1.0))
                pyro.factor("extra", -a * x.square(), has_rsample=has_rsample)

        return model, guide, X[0]

    @pytest.mark.parametrize("objective", [DReG(2), STL(1), DReG(3).in_chunks(1)], ids=repr)
    def test_along_paths(self, objective):
        match = r"`pyro.factor\('extra', ..., has_rsample=False\)`.*pass has_rsample=True.*VIMCO"
        with pytest.raises(ReparamError, match=match) as caught:
            objective.loss_and_grads(*self.pair(False))
        assert "Unit" not in str(caught.value) and "enumerate" not in str(caught.value)
        assert objective.loss_and_grads(*self.pair(True)).isfinite()

    @pytest.mark.parametrize("objective", [ELBO(2), IWAE(2), VIMCO(2), RWS(2), TVO(2)], ids=repr)
    def test_other_objectives_take_it(self, objective):
        values = []
        for has_rsample in (False, True):
            pyro.set_rng_seed(1)
            values.append(objective.loss(*self.pair(has_rsample)))
        assert torch.equal(*values)

    @pytest.mark.parametrize("objective", [DReG(2), IWAE(2), ELBO(1)], ids=repr)
    def test_one_that_says_nothing(self, objective):
        with pytest.raises(SiteError, match=r"`pyro.factor\('extra', ...\)` and does not say"):
            objective.loss(*self.pair(None))

    def test_its_kind(self):
        p = draw(*self.pair(False))
        assert p.guide_sites["extra"].kind == "pyro.factor"
        assert p.guide_sites["z"].kind == "Normal"

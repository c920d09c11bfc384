"""Errors that name the site where guide and model do not fit together."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyrovae.errors import PlateError, ScaleError, ShapeError, SiteError
from pyrovae.particles import draw
from tests.pairs import BATCH, LATENT
from tests.particles.small_pairs import X, normal_pair, pair_of


class TestErrors:
    def test_no_plate(self):
        def model(x):
            pyro.sample("x", dist.Normal(pyro.sample("z", dist.Normal(0.0, 1.0)), 1.0), obs=x[0])

        def guide(x):
            pyro.sample("z", dist.Normal(0.0, 1.0))

        with pytest.raises(PlateError, match="site 'z' of the guide is in no plate"):
            draw(model, guide, X)

    def test_differently_named_plates(self):
        with pytest.raises(PlateError, match="site '[zx]' of the (model|guide) is outside plate"):
            draw(*normal_pair(model_plate="rows"), X)

    def test_ambiguous_plates(self):
        def both(program):
            def inner(x):
                with pyro.plate("outer", 2, dim=-2):
                    program(x)

            return inner

        pair = [both(f) for f in normal_pair()]
        with pytest.raises(PlateError, match=r"\['data', 'outer'\] all enclose"):
            draw(*pair, X)
        assert draw(*pair, X, batch_plate="data", num_particles=2).log_w.shape == (2, 3)
        assert draw(*pair, X, batch_plate="outer", num_particles=2).log_w.shape == (2, 2)
        with pytest.raises(PlateError, match="outside plate 'nope'"):
            draw(*pair, X, batch_plate="nope")

    def test_sequential_plate(self):
        def model(x):
            for i in pyro.plate("data", len(x)):
                z = pyro.sample(f"z{i}", dist.Normal(0.0, 1.0))
                pyro.sample(f"x{i}", dist.Normal(z, 1.0), obs=x[i])

        def guide(x):
            for i in pyro.plate("data", len(x)):
                pyro.sample(f"z{i}", dist.Normal(x[i], 1.0))

        with pytest.raises(PlateError, match="site 'z0' of the guide is in the sequential plate"):
            draw(model, guide, X)

    def test_unequal_plates(self):
        def guide(x):
            with pyro.plate("data", len(x), dim=-2):
                pyro.sample("z", dist.Normal(x.unsqueeze(-1), 1.0))

        with pytest.raises((PlateError, ValueError), match="data"):
            draw(normal_pair()[0], guide, X)

    def test_guide_without_the_subsampled_plate(self):
        pair = pair_of("subsampled_plate")

        def guide(x):
            with pyro.plate("data", BATCH):
                pyro.sample(
                    "z", dist.Normal(x.new_zeros(LATENT), 1.0).expand([BATCH, 2]).to_event(1)
                )

        with pytest.raises((PlateError, ScaleError, ValueError), match="data"):
            draw(pair.model, guide, *pair.args)

    def test_unequal_scales(self):
        model, guide = normal_pair()
        with pytest.raises(ScaleError, match=r"site 'z' of the model is scaled by 0\.1"):
            draw(poutine.scale(model, scale=0.1), guide, X)
        with pytest.raises(ScaleError, match="objectives.Beta"):
            draw(poutine.scale(model, scale=torch.tensor(0.1)), guide, X)

    def test_latents_that_do_not_match(self):
        model, guide = normal_pair(latent="w")
        with pytest.raises(SiteError, match="the model samples 'z', and the guide does not"):
            draw(model, guide, X)

        def extra(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x, 1.0))
                pyro.sample("w", dist.Normal(x, 1.0))

        with pytest.raises(SiteError, match="the guide samples 'w', and the model does not"):
            draw(model, extra, X)

    def test_batch_dims_left_of_the_particles(self):
        def model(x):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                wide = dist.Normal(z.expand(5, 2, len(x)), 1.0)
                pyro.sample("x", wide, obs=x.expand(5, 2, -1))

        with pytest.raises(ShapeError, match=r"site 'x'.*left of its 2 plates.*to_event"):
            _ = draw(model, normal_pair()[1], X, num_particles=2).log_lik

"""What every hierarchy keeps: tables, history and pictures by layer."""

import pyro
import pytest
import torch

from pyrovae import data, fit
from pyrovae.evaluate import active_units, elbo_parts
from pyrovae.objectives import ELBO
from pyrovae.particles import draw
from pyrovae.particles.kl import kl_routes, site_kl
from pyrovae.reporting import pictures, report
from tests.models.hierarchies import FAMILIES, made, x_of

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def vae(name):
    return made(name)


class TestReports:
    def test_parts_and_table_by_layer(self, vae):
        x = x_of(vae, 20)
        parts = elbo_parts(vae.model, vae.guide, x, num_particles=20, seed=0)
        assert parts.kl_by_site.keys() == {"z1", "z2"}
        torch.testing.assert_close(sum(parts.kl_by_site.values()), parts.kl)
        assert {"kl[z1]", "kl[z2]"} <= parts.means().keys()
        assert parts.routes == kl_routes(vae.model, vae.guide, x)
        found = report(vae.model, vae.guide, data.Split(x), num_particles=30)
        for row in ("KL z1", "KL z2", "of z1", "of z2"):
            assert row in str(found)
        units = active_units(vae.model, vae.guide, x, seed=0)
        for site in ("z1", "z2"):
            assert found.facts[f"kl[{site}]"] == pytest.approx(
                parts.kl_by_site[site].mean().item(), rel=0.5
            )
            assert found.facts[f"active_units[{site}]"] == units.counts[site]

    def test_history_and_curves_by_layer(self, vae):
        x = x_of(vae, 12)
        run = fit(
            vae.model, vae.guide, x, objective=ELBO(), epochs=2, batch_size=4, val=x[:4],
            device="cpu",
        )  # fmt: skip
        pyro.set_rng_seed(0)
        p = draw(vae.model, vae.guide, x[:4])
        for site in ("z1", "z2"):
            truth = site_kl(p, site).value.mean().item()
            assert run.history[-1][f"kl[{site}]"] == pytest.approx(truth, rel=1e-9)
        figure = pictures(vae.model, vae.guide, data.Split(x), history=run.history)["curves"]
        assert [line.get_label() for line in figure.axes[-1].lines] == ["z1", "z2"]

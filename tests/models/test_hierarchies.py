"""What every hierarchy keeps: particles, capture, precision, checkpoints."""

import copy
import json
import math
from functools import partial

import pyro
import pytest
import torch
from torch.distributions import kl_divergence

from pyrovae import fit
from pyrovae.errors import ShapeError, SupportError
from pyrovae.models import HierarchicalVAE
from pyrovae.nn import Bernoulli, Binomial, LearnedNormal, Normal
from pyrovae.objectives import ELBO, IWAE, STL, Beta, DReG
from pyrovae.particles import draw, score, simulate
from pyrovae.particles.kl import site_kl
from pyrovae.train import SVI, Callback
from tests.models.hierarchies import BATCH, FAMILIES, MAKE, made, x_of
from tests.objectives.copies import two_sample_z
from tests.oracles import z_scores

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def vae(name):
    return made(name)


class TestParticles:
    @pytest.mark.parametrize("likelihood", [LearnedNormal, Normal])
    def test_vectorised_and_sequential_score_alike(self, name, likelihood):
        vae = made(name, likelihood=likelihood())
        x = x_of(vae)
        p = draw(vae.model, vae.guide, x, num_particles=3)
        assert p.log_w.shape == (3, BATCH)
        again = score(vae.model, vae.guide, x, latents=p.latents, vectorize_particles=False)
        for term in ("log_lik", "log_prior", "log_q"):
            torch.testing.assert_close(getattr(again, term), getattr(p, term))

    def test_particles_and_data_are_apart(self, vae):
        """Each row alone, given its own draws."""
        x = x_of(vae)
        p = draw(vae.model, vae.guide, x, num_particles=2)
        for row in range(BATCH):
            own = {n: z[:, row : row + 1] for n, z in p.latents.items()}
            alone = score(vae.model, vae.guide, x[row : row + 1], latents=own)
            torch.testing.assert_close(alone.log_w[:, 0], p.log_w[:, row])

    def test_chunks(self, vae):
        x = x_of(vae)
        pyro.set_rng_seed(0)
        assert IWAE(5).in_chunks(2).per_datum(vae.model, vae.guide, x).isfinite().all()

    @pytest.mark.parametrize("family", MAKE)
    def test_closed_form_is_the_mean_of_the_sampled_term(self, family):
        """Layer by layer, given what was drawn before; bottom-up it is refused below the top."""
        vae = made(family)
        p = draw(vae.model, vae.guide, x_of(vae), num_particles=2000)
        routes = {n: site_kl(p, n).route for n in p.guide_sites}
        if isinstance(vae, HierarchicalVAE):
            top = f"z{len(vae.latent_dims)}"
            assert routes.pop(top) == "closed form"
            why = f"sampled: the model draws '{top}' before it and the guide after it"
            assert set(routes.values()) == {why}
        else:
            assert set(routes.values()) == {"closed form"}
            for site in p.guide_sites:
                sampled = site_kl(p, site, closed_form=False).value
                assert (z_scores(sampled - site_kl(p, site).value, 0.0).abs() < 4.5).all()


class TestCapture:
    @pytest.mark.parametrize(
        ("name", "make"),
        [
            ("hierarchical", partial(ELBO, closed_form_kl=True)),
            ("hierarchical", lambda: DReG(3)),
            ("ladder", lambda: Beta({"z1": torch.tensor(0.5).double()}, free_bits=0.01)),
            ("ladder", lambda: STL(2)),
            ("ladder", lambda: DReG(3)),
        ],
    )
    def test_the_captured_step_is_the_eager_step(self, interpreted, name, make):
        runs = []
        for compile in (False, True):
            pyro.clear_param_store()
            vae = made(name)
            optim = pyro.optim.Adam({"lr": 1e-2})
            svi = SVI(vae.model, vae.guide, optim, make(), compile=compile)
            pyro.set_rng_seed(5)
            losses = [svi.step(x_of(vae, seed=i)) for i in range(3)]
            runs.append((losses, list(vae.parameters())))
        assert svi._compiled.captured.refusal == ""
        torch.testing.assert_close(runs[1][0], runs[0][0], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(runs[1][1], runs[0][1], rtol=1e-7, atol=1e-9)


class TestLife:
    def test_shapes_and_support(self, vae):
        x = x_of(vae)
        assert vae.generate(3).shape == vae.generate(3, mean=False).shape == (3, *vae.data_shape)
        assert vae.reconstruct(x).shape == vae.reconstruct(x, mean=False).shape == x.shape
        assert not vae.generate(3).requires_grad and not vae.reconstruct(x).requires_grad
        encoded = vae.encode(x)
        assert encoded.keys() == draw(vae.model, vae.guide, x).guide_sites.keys()
        assert all(q.batch_shape == (BATCH,) for q in encoded.values())
        for program in (vae.model, vae.guide, vae.reconstruct):
            with pytest.raises(ShapeError, match=rf"{type(vae).__name__}\.{program.__name__} was"):
                program(x[..., 1:])

    def test_data_outside_the_support(self, name):
        vae = made(name, likelihood=Bernoulli())
        with pytest.raises(SupportError, match="Bernoulli"):
            vae.model(x_of(vae))

    def test_generate_draws_from_the_model(self, vae):
        """The moments of ancestral draws, against those of the program run without data."""
        pyro.set_rng_seed(0)
        mine = vae.generate(4000, mean=False).flatten(1)
        theirs = simulate(vae.model, x_of(vae, 4000))["x"].flatten(1)
        assert (two_sample_z(mine, theirs).abs() < 4.5).all()
        assert (two_sample_z(mine**2, theirs**2).abs() < 4.5).all()

    def test_reconstruct_draws_from_the_guide(self, vae):
        x = x_of(vae, 1).expand(4000, *vae.data_shape)
        pyro.set_rng_seed(0)
        mine = vae.reconstruct(x).flatten(1)
        theirs = simulate(vae.model, x, guide=vae.guide, mean=True)["x"].flatten(1)
        assert (two_sample_z(mine, theirs).abs() < 4.5).all()

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_precision(self, name, dtype):
        vae = made(name, dtype=dtype)
        x = x_of(vae).to(dtype)
        assert IWAE(3).per_datum(vae.model, vae.guide, x).dtype == dtype
        assert vae.generate(2).dtype == vae.reconstruct(x).dtype == dtype

    def test_all_its_tensors_move(self, vae):
        """A module whose every tensor is meta computes on meta: no constant stays behind."""
        x = x_of(vae).to("meta")
        moved = copy.deepcopy(vae).to("meta")
        with pyro.validation_enabled(False):
            pyro.clear_param_store()
            moved.guide(x)
            moved.model(x)
        assert moved.generate(2).device.type == "meta"

    def test_resumed_bit_for_bit(self, name, tmp_path):
        class Stop(Callback):
            def on_step(self, loop):
                if loop.step == 5:
                    loop.request_stop()

        def train(folder, **options):
            pyro.clear_param_store()
            vae = made(name)
            run = fit(
                vae.model, vae.guide, x_of(vae, 16), objective=IWAE(2), epochs=3, batch_size=4,
                val=x_of(vae, 6, seed=4), run_dir=folder, device="cpu", **options,
            )  # fmt: skip
            return run, list(vae.parameters())

        whole, expected = train(tmp_path / "whole")
        train(tmp_path / "parts", callbacks=[Stop()])
        run, found = train(tmp_path / "parts", resume=True)
        assert run.steps == whole.steps == 12
        assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
        for one, other in zip(whole.history, run.history, strict=True):
            assert [one[k] for k in ("train", "val", "kl[z1]", "kl[z2]")] == [
                other[k] for k in ("train", "val", "kl[z1]", "kl[z2]")
            ]
        lines = (tmp_path / "parts" / "history.jsonl").read_text().splitlines()
        assert all(json.loads(line)["kl[z1]"] is not None for line in lines)


def test_what_q_and_p_of_a_ladder_share_is_not_counted_twice():
    """With q = p the terms of a layer cancel draw by draw, whatever the parameters of both."""
    vae = made("top_down")
    for posterior in vae.posteriors:
        for parameter in posterior.joint[-1].parameters():
            torch.nn.init.zeros_(parameter)
    x = x_of(vae)
    p = draw(vae.model, vae.guide, x, num_particles=3)
    torch.testing.assert_close(p.log_q, p.log_prior)
    for site in p.guide_sites:
        assert site_kl(p, site).value.abs().max() < 1e-12
        q, prior = p.guide_sites[site].distributions[0], p.model_sites[site].distributions[0]
        assert kl_divergence(q, prior).abs().max() < 1e-12


@pytest.mark.parametrize("family", FAMILIES)
def test_levels_are_rescaled_on_the_way_up(family):
    """Counts of 0..16 and their halves of 0..8 look alike."""
    one, other = made(family, likelihood=Binomial(16)), made(family, likelihood=Binomial(8))
    other.load_state_dict(one.state_dict())
    levels = torch.randint(0, 9, (BATCH, *one.data_shape)).double()
    top = list(one.encode(levels))[0]
    torch.testing.assert_close(one.encode(2 * levels)[top].mean, other.encode(levels)[top].mean)
    assert math.isfinite(ELBO().loss(one.model, one.guide, 2 * levels).item())

"""What every hierarchy keeps: objectives, particles, capture, precision, copies, checkpoints."""

import copy
import json
import math
from functools import partial

import pyro
import pytest
import torch
from torch.distributions import kl_divergence

from pyrovae import data, fit
from pyrovae.capture import Captured
from pyrovae.errors import ShapeError, SupportError
from pyrovae.evaluate import active_units, elbo_parts
from pyrovae.models import HierarchicalVAE, LadderVAE, TopDownVAE
from pyrovae.nn import MLP, Bernoulli, Binomial, LearnedNormal, Normal
from pyrovae.objectives import ELBO, IWAE, STL, Beta, DReG, Renyi
from pyrovae.particles import draw, score, simulate
from pyrovae.particles.kl import kl_routes, site_kl
from pyrovae.particles.parameters import trainable
from pyrovae.report import pictures, report
from pyrovae.train import SVI, Anneal, Callback
from pyrovae.train.step import compiled
from tests.objectives.copies import repeated_gradients, two_sample_z
from tests.objectives.test_contract import (
    OBJECTIVES,
    OTHER_GRADIENT,
    _check_directional_derivative,
)
from tests.oracles import z_scores
from tests.pairs import Pair

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")

SMALL = partial(MLP, hidden=(5,))
NETS = dict(encoder=SMALL, decoder=SMALL, upper_encoder=SMALL, upper_decoder=SMALL)
MAKE = {
    "hierarchical": lambda **o: HierarchicalVAE((5,), (3, 2), **{**NETS, **o}),
    "three": lambda **o: HierarchicalVAE((5,), (2, 3, 1), **{**NETS, **o}),
    "ladder": lambda **o: LadderVAE((5,), (3, 2), feature_dims=4, **{**NETS, **o}),
    "top_down": lambda **o: TopDownVAE(
        (1, 3, 4), channels=(4, 3), groups=(1, 1), latent_channels=1, **o
    ),
}
FAMILIES = ["hierarchical", "ladder", "top_down"]
BATCH = 4


def made(name, seed=0, dtype=torch.float64, **options):
    """A small one, moved off the start where the top-down one's posterior is its prior."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        vae = MAKE[name](**{"likelihood": LearnedNormal(), **options}).to(dtype)
        with torch.no_grad():
            for parameter in vae.parameters():
                parameter += 0.2 * torch.randn_like(parameter)
    return vae


def x_of(vae, rows=BATCH, seed=3):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(rows, *vae.data_shape, generator=rng, dtype=torch.float64)


@pytest.fixture(params=FAMILIES)
def name(request):
    return request.param


@pytest.fixture
def vae(name):
    return made(name)


@pytest.fixture
def interpreted(monkeypatch):
    """The graph as torch interprets it: the same operations, without the compiler's seconds."""
    monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))


class TestObjectives:
    @pytest.mark.parametrize("make", OBJECTIVES)
    def test_every_objective(self, make, vae):
        """Finite, of the right shape, and with a gradient for every parameter that should move."""
        objective = make()
        call = (vae.model, vae.guide, x_of(vae))
        pyro.set_rng_seed(1)
        per_datum = objective.per_datum(*call)
        assert per_datum.shape == (BATCH,) and per_datum.isfinite().all()
        leaves = trainable(*call)
        assert len(leaves) == len(list(vae.parameters()))
        pyro.set_rng_seed(11)
        loss = objective.differentiable_loss(*call)
        found = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        grads = dict(zip(leaves, found, strict=True))
        moving = grads.keys()
        if objective.is_upper_bound:  # those move the guide alone, which never looks at z1 again
            moving = draw(*call).guide_parameters.keys()
            moving = {n for n in moving if not n.startswith("groups$$$1.project")}
        assert all(grads[n] is not None and grads[n].isfinite().all() for n in moving)
        if not isinstance(objective, Beta) and objective.num_particles > 1:  # there zero is right
            assert all(grads[n].any() for n in moving)
        if not isinstance(objective, OTHER_GRADIENT):
            _check_directional_derivative(objective, call, leaves, grads)

    @pytest.mark.parametrize("closed_form_kl", [True, False])
    def test_weights_by_layer(self, vae, closed_form_kl):
        """The weighted terms add up, each with its own KL."""
        call = (vae.model, vae.guide, x_of(vae))
        weights = {"z1": torch.tensor(0.3).double(), "z2": 2.0}
        pyro.set_rng_seed(1)
        found = Beta(weights, closed_form_kl=closed_form_kl).per_datum(*call)
        pyro.set_rng_seed(1)
        p = draw(*call)
        kls = {n: site_kl(p, n, closed_form=closed_form_kl).value for n in p.guide_sites}
        expected = p.log_lik - 0.3 * kls["z1"] - 2.0 * kls["z2"]
        torch.testing.assert_close(found, expected[0])

    def test_free_bits_by_layer(self, vae):
        """A layer below the threshold feels no pull, the other does."""
        call = (vae.model, vae.guide, x_of(vae))
        pyro.set_rng_seed(1)
        p = draw(*call)
        kls = {n: site_kl(p, n).value.mean().item() for n in p.guide_sites}
        free = sum(kls.values()) / 2
        pyro.set_rng_seed(1)
        found = Beta(1.0, free_bits=free).per_datum(*call)
        low, high = sorted(kls, key=kls.get)
        expected = p.log_lik[0] - free - site_kl(p, high).value[0]
        assert kls[low] < free < kls[high]
        torch.testing.assert_close(found, expected)

    def test_warm_up_by_layer(self, vae):
        """Two layers with a schedule each."""
        weights = {"z1": torch.tensor(0.0).double(), "z2": torch.tensor(0.0).double()}
        seen = []

        class Look(Callback):
            def on_step(self, loop):
                seen.append((round(weights["z1"].item(), 3), round(weights["z2"].item(), 3)))

        fit(
            vae.model, vae.guide, x_of(vae, 8), objective=Beta(weights), epochs=4, batch_size=4,
            callbacks=[
                Anneal(weights["z1"], 0.0, 1.0, epochs=1),
                Anneal(weights["z2"], 0.0, 1.0, epochs=4),
                Look(),
            ],
            device="cpu",
        )  # fmt: skip
        assert seen[0] == (0.5, 0.125) and seen[1] == (1.0, 0.25) and seen[-1] == (1.0, 1.0)

    @pytest.mark.parametrize("objective", [DReG(3), DReG(2, 0.5)], ids=repr)
    @pytest.mark.parametrize("family", ["ladder", "hierarchical", "top_down"])
    def test_doubly_reparameterised_gradient_in_the_mean(self, family, objective):
        """Of the plain bound, group by group: of the guide alone, of the model alone, of both."""
        vae = made(family, seed=2)
        pair = Pair(vae.model, vae.guide, (x_of(vae, 1),))
        plain = Renyi(objective.alpha, objective.num_particles)
        pyro.set_rng_seed(3)
        scores = two_sample_z(*(repeated_gradients(o, pair, 40) for o in (objective, plain)))
        p = draw(vae.model, vae.guide, *pair.args)
        names = list(trainable(vae.model, vae.guide, *pair.args))
        sizes = [p.numel() for p in trainable(vae.model, vae.guide, *pair.args).values()]
        of_guide, of_model = p.guide_parameters.keys(), p.model_parameters.keys()
        groups = {"guide": [], "model": [], "both": []}
        for leaf, part in zip(names, scores.split(sizes), strict=True):
            both = leaf in of_guide and leaf in of_model
            groups["both" if both else "guide" if leaf in of_guide else "model"].append(part)
        assert bool(groups["both"]) == (family != "hierarchical")
        for group, parts in groups.items():
            if parts:
                assert (torch.cat(parts).abs() < 5).all(), group


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

    def test_copies_after_training_are_apart(self, vae):
        x = x_of(vae)
        SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.02}), DReG(2)).step(x)
        twin = copy.deepcopy(vae)
        before = {n: p.detach().clone() for n, p in vae.named_parameters()}
        SVI(twin.model, twin.guide, pyro.optim.Adam({"lr": 0.02}), DReG(2)).step(x)
        for leaf, parameter in vae.named_parameters():
            assert torch.equal(parameter, before[leaf])
        assert any(
            not torch.equal(a, b) for a, b in zip(vae.parameters(), twin.parameters(), strict=True)
        )

    def test_state_goes_round(self, name, tmp_path):
        vae, other = made(name), made(name, seed=1)
        torch.save(vae.state_dict(), tmp_path / "vae.pt")
        other.load_state_dict(torch.load(tmp_path / "vae.pt", weights_only=True))
        values = []
        for one in (vae, other):
            pyro.set_rng_seed(1)
            values.append(IWAE(3).per_datum(one.model, one.guide, x_of(vae)))
        assert torch.equal(*values)

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
        labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
        assert labels == ["z1", "z2"]


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

"""Particles on every kind of plate, and the errors that name the site."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

from pyrovae.errors import ParticleAxisWarning, PlateError, ScaleError, ShapeError, SiteError
from pyrovae.particles import draw, plate_nesting, score, simulate_joint
from pyrovae.particles.handlers import prior_of, with_distributions
from tests.pairs import BATCH, LATENT, STYLES


def _pair(style="module_functions"):
    return STYLES[style](torch.float64)


def _normal_pair(model_plate="data", guide_plate="data", latent="z"):
    def model(x):
        with pyro.plate(model_plate, len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate(guide_plate, len(x)):
            pyro.sample(latent, dist.Normal(x, 1.0))

    return model, guide


X = torch.tensor([0.5, -1.0, 2.0])


@pytest.mark.parametrize("style", ["module_functions", "nested_plate", "hierarchy", "family"])
@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("num_particles", [1, 3])
def test_log_densities_are_those_of_pyro(style, vectorize, num_particles):
    """Replaying one particle at a time through plain Pyro gives the same numbers."""
    pair = _pair(style)
    p = draw(
        pair.model, pair.guide, *pair.args, num_particles=num_particles,
        vectorize_particles=vectorize,
    )  # fmt: skip
    assert p.log_w.shape == (num_particles, BATCH)
    for k in range(num_particles):
        values = {n: v[k].movedim(0, -1) if style == "nested_plate" and v.dim() > 2 else v[k]
                  for n, v in p.latents.items()}  # fmt: skip
        for program, total in (
            (pair.guide, p.log_q),
            (pair.model, p.log_lik + p.log_prior),
        ):
            trace = poutine.trace(poutine.condition(program, data=values)).get_trace(*pair.args)
            torch.testing.assert_close(trace.log_prob_sum(), total[k].sum())


def test_nested_plates_keep_the_datum_in_front():
    pair = _pair("nested_plate")
    p = draw(pair.model, pair.guide, *pair.args, num_particles=5)
    assert plate_nesting(pair.model, pair.guide, *pair.args) == 2
    assert p.latents["g"].shape == (5, BATCH, 1)
    assert p.latents["z"].shape == (5, BATCH, 6)
    assert set(p.model_sites) == {"g", "z", "x"}
    assert p.model_sites["x"].log_prob.shape == (5, BATCH)


def test_sequential_particles_share_one_subsample():
    pair = _pair("subsampled_plate")
    rows = []

    def spy(x):
        with pyro.plate("data", len(x), subsample_size=BATCH) as index:
            rows.append(index.tolist())
            pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).expand([BATCH, 2]).to_event(1))

    draw(pair.model, spy, *pair.args, num_particles=6, vectorize_particles=False)
    assert len(rows) == 6
    assert all(index == rows[0] for index in rows)


def test_scale_is_kept_apart():
    assert draw(*_args("subsampled_plate")).scale == pytest.approx(2.0)
    assert draw(*_args("scaled_pair")).scale == pytest.approx(0.01)
    assert draw(*_args("module_functions")).scale == 1.0


def _args(style):
    pair = _pair(style)
    return pair.model, pair.guide, *pair.args


def test_a_scale_may_weigh_each_datum():
    model, guide = _normal_pair()
    weights = torch.tensor([1.0, 0.5, 2.0])
    scaled = [poutine.scale(f, scale=weights) for f in (model, guide)]
    torch.testing.assert_close(draw(*scaled, X, num_particles=4).scale, weights)
    with pytest.raises(ScaleError, match="one per datum"):
        draw(*scaled, X, batch_plate=None)


def test_the_random_streams_pass_the_plate_search_untouched():
    pair = _pair()
    state = torch.get_rng_state()
    plate_nesting(pair.model, pair.guide, *pair.args)
    assert torch.equal(state, torch.get_rng_state())


def test_a_mask_takes_data_out():
    model, guide = _normal_pair()
    keep = torch.tensor([True, False, True])
    masked = [poutine.mask(f, mask=keep) for f in (model, guide)]
    p = draw(*masked, X, num_particles=4)
    assert (p.log_w[:, 1] == 0).all()
    assert (p.log_w[:, 0] != 0).all()


def test_joint_bound_without_a_plate():
    def model(x):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        pyro.sample("z", dist.Normal(x.mean(), 0.5))

    p = draw(model, guide, X, num_particles=7, batch_plate=None)
    assert p.log_w.shape == (7, 1)
    z = p.latents["z"].reshape(7, 1)
    expected = dist.Normal(z, 1.0).log_prob(X).sum(-1, keepdim=True)
    torch.testing.assert_close(p.log_lik, expected)
    with pytest.raises(PlateError, match="site 'z' of the guide"):
        draw(model, guide, X)


def test_deterministic_and_factor_sites():
    def model(x):
        pyro.deterministic("outside", torch.zeros(5))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(0.0, 1.0))
            pyro.factor("x", -0.5 * (x - z) ** 2)

    _, guide = _normal_pair()
    p = draw(model, guide, X, num_particles=3)
    torch.testing.assert_close(p.log_lik, -0.5 * (X - p.latents["z"]) ** 2)

    def outside(x):
        model(x)
        pyro.factor("regulariser", torch.tensor(-1.0))

    with pytest.raises(
        PlateError, match="site 'regulariser' of the model is outside plate 'data'"
    ):
        draw(outside, guide, X)


def test_a_second_network_of_the_same_name_trains_itself():
    for _ in range(2):
        net = nn.Linear(1, 1)

        def model(x, net=net):
            pyro.module("net", net)
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                loc = net(z.unsqueeze(-1)).squeeze(-1)
                pyro.sample("x", dist.Normal(loc, 1.0), obs=x)

        p = draw(model, _normal_pair()[1], X)
        assert p.model_parameters["net$$$weight"] is net.weight
        p.log_w.sum().backward()
        assert net.weight.grad is not None


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
            draw(*_normal_pair(model_plate="rows"), X)

    def test_ambiguous_plates(self):
        def both(program):
            def inner(x):
                with pyro.plate("outer", 2, dim=-2):
                    program(x)

            return inner

        pair = [both(f) for f in _normal_pair()]
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
            draw(_normal_pair()[0], guide, X)

    def test_guide_without_the_subsampled_plate(self):
        pair = _pair("subsampled_plate")

        def guide(x):
            with pyro.plate("data", BATCH):
                pyro.sample(
                    "z", dist.Normal(x.new_zeros(LATENT), 1.0).expand([BATCH, 2]).to_event(1)
                )

        with pytest.raises((PlateError, ScaleError, ValueError), match="data"):
            draw(pair.model, guide, *pair.args)

    def test_unequal_scales(self):
        model, guide = _normal_pair()
        with pytest.raises(ScaleError, match=r"site 'z' of the model is scaled by 0\.1"):
            draw(poutine.scale(model, scale=0.1), guide, X)
        with pytest.raises(ScaleError, match="objectives.Beta"):
            draw(poutine.scale(model, scale=torch.tensor(0.1)), guide, X)

    def test_latents_that_do_not_match(self):
        model, guide = _normal_pair(latent="w")
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
            _ = draw(model, _normal_pair()[1], X, num_particles=2).log_lik

    def test_a_network_with_one_batch_axis_only(self):
        conv = nn.Sequential(nn.Unflatten(1, (1, 1, 1)), nn.Conv2d(1, 1, 1), nn.Flatten())

        def model(x):
            pyro.module("conv", conv)
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(0.0, 1.0).expand([len(x), 1]).to_event(1))
                pyro.sample("x", dist.Normal(conv(z), 1.0).to_event(1), obs=x.unsqueeze(-1))

        def guide(x):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(x.unsqueeze(-1), 1.0).to_event(1))

        assert draw(model, guide, X).log_w.shape == (1, 3)
        with pytest.warns(ParticleAxisWarning, match="OneBatchAxis.*vectorize_particles=False"):
            pyro.set_rng_seed(3)
            by_itself = draw(model, guide, X, num_particles=2)
        pyro.set_rng_seed(3)
        p = draw(model, guide, X, num_particles=2, vectorize_particles=False)
        assert p.log_w.shape == (2, 3)
        assert torch.equal(by_itself.log_w, p.log_w)

    def test_no_particles(self):
        with pytest.raises(ShapeError, match="num_particles=0"):
            draw(*_normal_pair(), X, num_particles=0)

    def test_a_nesting_that_is_too_small(self):
        pair = _pair("nested_plate")
        with pytest.raises((PlateError, ShapeError)):
            draw(pair.model, pair.guide, *pair.args, num_particles=2, max_plate_nesting=1)


@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("num_particles", [1, 3])
def test_what_was_drawn_scores_as_it_did(style, vectorize, num_particles):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = _pair(style)
        for plate in ("auto", None):
            options = {"vectorize_particles": vectorize, "batch_plate": plate}
            p = draw(pair.model, pair.guide, *pair.args, num_particles=num_particles, **options)
            for like in (None, p):
                again = score(
                    pair.model, pair.guide, *pair.args, latents=p.latents, like=like, **options
                )
                assert again.num_particles == num_particles
                torch.testing.assert_close(again.log_lik, p.log_lik)
                torch.testing.assert_close(again.log_prior, p.log_prior)
                torch.testing.assert_close(again.log_q, p.log_q)
                assert all(torch.equal(again.latents[n], v) for n, v in p.latents.items())


def test_scoring_sees_the_given_values_and_their_gradient():
    pair = _pair("hierarchy")
    p = draw(pair.model, pair.guide, *pair.args, num_particles=3)
    given = {n: (v + 0.1).detach().requires_grad_() for n, v in p.latents.items()}
    again = score(pair.model, pair.guide, *pair.args, latents=given)
    trace = poutine.trace(
        poutine.condition(pair.guide, data={n: v[1] for n, v in given.items()})
    ).get_trace(*pair.args)
    torch.testing.assert_close(trace.log_prob_sum(), again.log_q[1].sum())
    gradients = torch.autograd.grad(again.log_w.sum(), list(given.values()))
    assert all(g.abs().sum() > 0 for g in gradients)


def test_scoring_needs_a_value_of_every_latent():
    pair = _pair("hierarchy")
    z = draw(pair.model, pair.guide, *pair.args).latents
    for latents in ({}, {"z1": z["z1"]}, {**z, "more": z["z1"]}):
        with pytest.raises(SiteError, match="the guide samples .'z1', 'z2'.; give a value of"):
            score(pair.model, pair.guide, *pair.args, latents=latents)


def test_scoring_leaves_the_streams_alone():
    pair = _pair()
    z = draw(pair.model, pair.guide, *pair.args, num_particles=2).latents
    state = torch.get_rng_state()
    score(pair.model, pair.guide, *pair.args, latents=z)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("style", ["module_functions", "nested_plate", "hierarchy", "family"])
def test_simulated_latents_made_the_simulated_data(style):
    pair = _pair(style)
    latents, observed = simulate_joint(pair.model, *pair.args)
    x = observed["x"].T if style == "nested_plate" else observed["x"]
    assert x.shape == pair.args[0].shape and not torch.equal(x, pair.args[0])
    p = score(pair.model, pair.guide, x, latents=latents)
    with poutine.trace() as recorder:
        native = {n: v[0].movedim(0, -1) if style == "nested_plate" and v.dim() > 2 else v[0]
                  for n, v in latents.items()}  # fmt: skip
        poutine.condition(pair.model, data=native)(x)
    torch.testing.assert_close(recorder.trace.log_prob_sum(), (p.log_lik + p.log_prior).sum())


def test_simulated_moments():
    model, _ = _normal_pair()
    latents, observed = simulate_joint(model, torch.zeros(50_000))
    z, x = latents["z"][0], observed["x"]
    covariance = torch.cov(torch.stack([z, x]))
    torch.testing.assert_close(covariance, torch.tensor([[1.0, 1], [1, 2]]), atol=0.05, rtol=0)


@pytest.mark.parametrize("style", ["module_functions", "nested_plate", "hierarchy", "family"])
def test_the_prior_as_a_guide(style):
    pair = _pair(style)
    p = draw(pair.model, prior_of(pair.model), *pair.args, num_particles=4)
    torch.testing.assert_close(p.log_q, p.log_prior)
    torch.testing.assert_close(p.log_w, p.log_lik)
    assert p.latents.keys() == draw(pair.model, pair.guide, *pair.args).latents.keys()


def test_distributions_exchanged():
    model, guide = _normal_pair()
    seen = []

    def wider(name, fn):
        seen.append((name, fn.batch_shape))
        return dist.Normal(fn.loc + 1, 2 * fn.scale)

    p = draw(model, with_distributions(guide, wider), X, num_particles=5)
    assert seen[-1] == ("z", (3,))
    torch.testing.assert_close(p.log_q, dist.Normal(X + 1, 2.0).log_prob(p.latents["z"]))

"""Particles on every kind of plate, and the errors that name the site."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from torch import nn

from pyrovae.errors import ParticleAxisWarning, PlateError, ShapeError
from pyrovae.particles import draw, plate_nesting
from tests.pairs import BATCH, LATENT
from tests.particles.small_pairs import X, normal_pair, pair_of


@pytest.mark.parametrize("style", ["module_functions", "nested_plate", "hierarchy", "family"])
@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("num_particles", [1, 3])
def test_log_densities_are_those_of_pyro(style, vectorize, num_particles):
    """Replaying one particle at a time through plain Pyro gives the same numbers."""
    pair = pair_of(style)
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
    pair = pair_of("nested_plate")
    p = draw(pair.model, pair.guide, *pair.args, num_particles=5)
    assert plate_nesting(pair.model, pair.guide, *pair.args) == 2
    assert p.latents["g"].shape == (5, BATCH, 1)
    assert p.latents["z"].shape == (5, BATCH, 6)
    assert set(p.model_sites) == {"g", "z", "x"}
    assert p.model_sites["x"].log_prob.shape == (5, BATCH)


def test_sequential_particles_share_one_subsample():
    pair = pair_of("subsampled_plate")
    rows = []

    def spy(x):
        with pyro.plate("data", len(x), subsample_size=BATCH) as index:
            rows.append(index.tolist())
            pyro.sample("z", dist.Normal(x.new_zeros(LATENT), 1.0).expand([BATCH, 2]).to_event(1))

    draw(pair.model, spy, *pair.args, num_particles=6, vectorize_particles=False)
    assert len(rows) == 6
    assert all(index == rows[0] for index in rows)


def test_the_random_streams_pass_the_plate_search_untouched():
    pair = pair_of()
    state = torch.get_rng_state()
    plate_nesting(pair.model, pair.guide, *pair.args)
    assert torch.equal(state, torch.get_rng_state())


def test_a_mask_takes_data_out():
    model, guide = normal_pair()
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

    _, guide = normal_pair()
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

        p = draw(model, normal_pair()[1], X)
        assert p.model_parameters["net$$$weight"] is net.weight
        p.log_w.sum().backward()
        assert net.weight.grad is not None


class TestErrors:
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
            draw(*normal_pair(), X, num_particles=0)

    def test_a_nesting_that_is_too_small(self):
        pair = pair_of("nested_plate")
        with pytest.raises((PlateError, ShapeError)):
            draw(pair.model, pair.guide, *pair.args, num_particles=2, max_plate_nesting=1)

"""Given latents are scored as they were when they were drawn."""

import pyro
import pytest
import torch
from pyro import poutine

from pyrovae.errors import SiteError
from pyrovae.particles import draw, score
from tests.pairs import STYLES
from tests.particles.small_pairs import pair_of


@pytest.mark.parametrize("style", sorted(STYLES.keys() - {"subsampled_plate"}))
@pytest.mark.parametrize("vectorize", [True, False])
@pytest.mark.parametrize("num_particles", [1, 3])
def test_what_was_drawn_scores_as_it_did(style, vectorize, num_particles):
    with pyro.settings.context(module_local_params=style == "pyro_module_local"):
        pair = pair_of(style)
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
    pair = pair_of("hierarchy")
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
    pair = pair_of("hierarchy")
    z = draw(pair.model, pair.guide, *pair.args).latents
    for latents in ({}, {"z1": z["z1"]}, {**z, "more": z["z1"]}):
        with pytest.raises(SiteError, match="the guide samples .'z1', 'z2'.; give a value of"):
            score(pair.model, pair.guide, *pair.args, latents=latents)


def test_scoring_leaves_the_streams_alone():
    pair = pair_of()
    z = draw(pair.model, pair.guide, *pair.args, num_particles=2).latents
    state = torch.get_rng_state()
    score(pair.model, pair.guide, *pair.args, latents=z)
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.parametrize("style", ["hierarchy", "subsampled_plate", "param_functions"])
@pytest.mark.parametrize("vectorize", [True, False])
def test_one_program_is_scored_in_one_run(style, vectorize):
    pair, runs = pair_of(style), []

    def guide(*args):
        runs.append(0)
        return pair.guide(*args)

    torch.manual_seed(0)
    p = draw(pair.model, guide, *pair.args, num_particles=3)
    found = []
    for model, count in ((guide, 1), (lambda *args: guide(*args), 2)):
        runs.clear()
        torch.manual_seed(1)  # of the subsample
        found.append(
            score(
                model, guide, *pair.args, latents=p.latents, like=p, vectorize_particles=vectorize
            )
        )
        assert len(runs) == count * (1 if vectorize else 3)
    once, twice = found
    torch.testing.assert_close(once.log_q, twice.log_q, rtol=0, atol=0)
    torch.testing.assert_close(once.log_prior, twice.log_prior, rtol=0, atol=0)
    assert all(torch.equal(once.latents[n], v) for n, v in twice.latents.items())

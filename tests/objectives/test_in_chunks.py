"""Particles in chunks give the estimator of all of them, exactly, in the memory of one chunk."""

import pyro
import pytest
import torch

from pyrovae import SVI, draw, log_evidence
from pyrovae.data import DiscreteLatent
from pyrovae.errors import CaptureWarning, GradientWarning, ShapeError, SiteError
from pyrovae.evaluate.comparison.cost import peak_bytes
from pyrovae.models import VAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE, MIWAE, REINFORCE, RWS, STL, TVO, VIMCO, Beta, DReG
from pyrovae.particles.parameters import trainable
from tests.pairs import STYLES

from .test_contract import _mode, in_turn
from .test_path import conditional_coupling, coupling, planar, relaxed

pytestmark = pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")


def step(objective, call, seed=3):
    """Loss and gradients, and where the random stream is afterwards."""
    leaves = list(trainable(*call).values())
    pyro.set_rng_seed(seed)
    loss = objective.differentiable_loss(*call)
    after = torch.get_rng_state()
    grads = torch.autograd.grad(loss, leaves, allow_unused=True)
    assert torch.equal(torch.get_rng_state(), after)
    return loss.detach(), grads


def assert_same_step(objective, chunked, call):
    (loss, grads), (other, others) = step(objective, call), step(chunked, call)
    torch.testing.assert_close(other, loss, rtol=1e-12, atol=0.0)
    for grad, found in zip(grads, others, strict=True):
        assert (grad is None) == (found is None)
        if grad is not None:
            torch.testing.assert_close(found, grad, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("make", "style"), in_turn(STYLES))
def test_every_objective_on_every_pair(make, style):
    """One particle after the other, both draw the same noise."""
    pair = STYLES[style](torch.float64)
    plain = make(vectorize_particles=False)
    with _mode(pair):
        for size in (1, 2):
            call = (pair.model, pair.guide, *pair.args)
            assert_same_step(plain, make(vectorize_particles=False).in_chunks(size), call)
            plain = make(vectorize_particles=False)  # a baseline may have moved


# Blocks of sixteen numbers come alike in one call and in several: 2 particles x 4 data x 2 dims.
@pytest.mark.parametrize(
    "make",
    [
        lambda: IWAE(6), lambda: DReG(6), lambda: STL(6), lambda: ELBO(6, closed_form_kl=True),
        lambda: MIWAE(2, 3), lambda: Beta(0.5, 6, free_bits=0.1), lambda: TVO(6), lambda: RWS(6),
    ],
)  # fmt: skip
@pytest.mark.parametrize("style", ["module_functions", "family", "convolutions", "scaled_pair"])
def test_vectorised(make, style):
    pair = STYLES[style](torch.float64)
    assert_same_step(make(), make().in_chunks(2), (pair.model, pair.guide, *pair.args))


def test_an_odd_particle_is_left_over():
    """Two groups in one pass each, one particle by itself."""
    pair = STYLES["nested_plate"](torch.float64)
    call = (pair.model, pair.guide, *pair.args)
    for objective in (IWAE(5), DReG(5), ELBO(5, closed_form_kl=True)):
        loss, grads = step(objective.in_chunks(2), call)
        assert loss.isfinite() and all(grad.isfinite().all() for grad in grads)


@pytest.mark.filterwarnings("ignore::pyrovae.errors.GradientWarning")
@pytest.mark.parametrize("pair", [coupling, conditional_coupling, planar, lambda: relaxed(True)])
@pytest.mark.parametrize("make", [IWAE, DReG, STL])
def test_flows_which_remember_what_they_drew(make, pair):
    model, guide, *args = _parts(pair())
    plain, chunked = (make(3, vectorize_particles=False) for _ in range(2))
    assert_same_step(plain, chunked.in_chunks(1), (model, guide, *args))


def _parts(pair):
    return (pair.model, pair.guide, *pair.args) if hasattr(pair, "model") else tuple(pair)


@pytest.mark.parametrize("make", [VIMCO, lambda k: REINFORCE(k, baseline="average"), RWS])
def test_discrete_latents(make):
    pair = DiscreteLatent.random(data_dim=5, latent_dim=3, seed=0)
    call = (pair.model, pair.guide, pair.sample(4, seed=1))
    plain, chunked = make(4), make(4)
    plain.vectorize_particles = chunked.vectorize_particles = False
    assert_same_step(plain, chunked.in_chunks(1), call)


def test_a_flow_that_cannot_score_is_named():
    model, guide, *args = _parts(planar())
    with pytest.raises(SiteError, match="a site cannot score any but its own draws"):
        RWS(4).in_chunks(2).differentiable_loss(model, guide, *args)
    with pytest.warns(GradientWarning, match="cannot score a latent again"):
        DReG(4).in_chunks(2).differentiable_loss(model, guide, *args)


def test_all_chunks_are_on_one_subsample():
    pair = STYLES["subsampled_plate"](torch.float64)
    p = draw(pair.model, pair.guide, *pair.args, num_particles=6, chunk=2)
    one, *others = p.model_sites["x"].value  # one for each chunk
    assert len(others) == 2 and all(torch.equal(one, other) for other in others)


def test_values_are_those_of_the_whole():
    pair = STYLES["hierarchy"](torch.float64)
    call = (pair.model, pair.guide, *pair.args)
    found = []
    for chunk in (None, 2):
        pyro.set_rng_seed(1)
        p = draw(*call, num_particles=5, vectorize_particles=False, chunk=chunk)
        assert p.num_particles == 5
        found.append([p.log_w, *p.latents.values(), p.model_sites["x"].value])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def wide_net():
    pyro.set_rng_seed(0)
    vae = VAE((300,), 4, encoder=MLP(300, 8, hidden=(50,)), decoder=MLP(4, (1, 300), hidden=(50,)))
    return vae, torch.bernoulli(torch.full((10, 300), 0.3))


def peak(objective, vae, x):
    def run():
        objective.loss_and_grads(vae.model, vae.guide, x)

    run()
    return peak_bytes(run, "cpu")


@pytest.mark.parametrize("make", [IWAE, ELBO, VIMCO, DReG, STL])
def test_memory_does_not_grow_with_the_number_of_particles(make):
    vae, x = wide_net()
    few, many = (peak(make(k).in_chunks(8), vae, x) for k in (16, 128))
    # What grows are the latents and some numbers for each particle, not what is as wide as x.
    whole = peak(make(128), vae, x)
    assert many - few < 0.1 * whole and many < 0.25 * whole, (few, many, whole)


def test_evaluation_takes_no_more_memory_either():
    vae, x = wide_net()
    call = (vae.model, vae.guide, x)
    few, many = (
        peak_bytes(lambda k=k: log_evidence(*call, num_particles=k, chunk=80), "cpu")
        for k in (50, 1000)
    )
    assert many < 1.2 * few, (few, many)
    with torch.no_grad():
        few, many = (
            peak_bytes(lambda k=k: IWAE(k).in_chunks(8).loss(vae.model, vae.guide, x), "cpu")
            for k in (16, 128)
        )
    assert many < 1.5 * few, (few, many)


def test_training_in_chunks_and_the_words_for_it():
    vae, x = wide_net()
    objective = IWAE(20).in_chunks(6)
    assert repr(objective) == "IWAE(num_particles=20).in_chunks(6)"
    assert repr(IWAE(20)) == "IWAE(num_particles=20)"
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 1e-3}), objective)
    losses = [svi.step(x) for _ in range(20)]
    assert sum(losses[-3:]) < sum(losses[:3])


def test_in_chunks_gives_another_objective():
    plain = REINFORCE(4)
    chunked = plain.in_chunks(2)
    assert plain.particle_chunk is None and chunked.particle_chunk == 2
    assert chunked.state_dict()["past"] is not plain.state_dict()["past"]


@pytest.mark.parametrize("size", [0, -1, 1.5, True, None])
def test_a_chunk_is_a_number_of_particles(size):
    with pytest.raises(ShapeError, match=f"IWAE.in_chunks got size={size}, needs >= 1"):
        IWAE(4).in_chunks(size)


def test_a_compiled_step_says_that_it_is_not():
    vae, x = wide_net()
    optim = pyro.optim.Adam({"lr": 1e-3})
    svi = SVI(vae.model, vae.guide, optim, IWAE(4).in_chunks(2), compile=True)
    svi.step(x)
    with pytest.warns(CaptureWarning, match="draws its particles in chunks"):
        svi.step(x)
    svi.step(x)

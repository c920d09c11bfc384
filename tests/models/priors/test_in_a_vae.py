"""Priors as parts: particles, objectives, the captured step, the KL report, checkpoints."""

from functools import partial

import pyro
import pytest
import torch

from pyrovae import draw, elbo_parts, fit, kl_routes, log_evidence, trainable
from pyrovae.models import VAE, FlowPosterior, FullNormal, StandardNormal
from pyrovae.nn import MLP, Binomial, ContinuousBernoulli
from pyrovae.objectives import ELBO, IWAE, STL, Beta, DReG
from pyrovae.train import SVI
from tests.objectives.test_contract import in_turn

from .made import DATA, LEARNED, PRIORS

LATENT = 2
ON_A_MIXTURE = "FlowPrior on a mixture"
X = torch.rand(4, DATA, generator=torch.Generator().manual_seed(1)).double()
every_prior = pytest.mark.parametrize("name", PRIORS)
# One form of each that is learned.
NEW = sorted({*LEARNED} - {"VampPrior", ON_A_MIXTURE})
new_priors = pytest.mark.parametrize("name", NEW)
ROUTES = {
    "StandardNormal": "closed form",
    "NormalPrior": "closed form",
    "MixturePrior": "sampled: no closed form between Normal and Mixture",
    "VampPrior": "sampled: no closed form between Normal and Mixture",
    "VampPrior, weighted": "sampled: no closed form between Normal and Mixture",
    "FlowPrior": "sampled: no closed form between Normal and TransformedDistribution",
    ON_A_MIXTURE: "sampled: no closed form between Normal and TransformedDistribution",
}


def vae_with(prior, **options):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        network = partial(MLP, hidden=(7,))
        options = {"likelihood": ContinuousBernoulli(), **options}
        vae = VAE((DATA,), LATENT, encoder=network, decoder=network, prior=prior, **options)
        vae = vae.double()
        with torch.no_grad():
            for parameter in vae.prior.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    return vae


@every_prior
@pytest.mark.parametrize("posterior", ["DiagonalNormal", "FullNormal", "FlowPosterior"])
@pytest.mark.parametrize("vectorize", [True, False])
def test_particles_are_scored_one_by_one(name, posterior, vectorize):
    kinds = {"FullNormal": FullNormal, "FlowPosterior": partial(FlowPosterior, num_layers=2)}
    options = {"posterior": kinds[posterior]} if posterior in kinds else {}
    vae = vae_with(PRIORS[name], **options)
    p = draw(vae.model, vae.guide, X, num_particles=3, vectorize_particles=vectorize)
    z, prior = p.latents["z"], vae.prior.with_encoder(vae.encode)
    each = torch.stack([torch.stack([prior.log_prob(one) for one in row]) for row in z])
    torch.testing.assert_close(p.log_prior, each)


@pytest.mark.filterwarnings("ignore::pyrovae.errors.VarianceWarning")
@pytest.mark.parametrize(("make", "name"), in_turn(NEW))
def test_trains_with_every_objective(name, make):
    vae = vae_with(PRIORS[name])
    leaves = trainable(vae.model, vae.guide, X)
    assert len(leaves) == len(list(vae.parameters()))
    objective = make()
    objective.loss_and_grads(vae.model, vae.guide, X)
    for parameter in vae.prior.parameters():
        assert parameter.grad is None or parameter.grad.isfinite().all()
        assert _leaves_the_prior_alone(objective) or (parameter.grad != 0).any()


def _leaves_the_prior_alone(objective):
    is_off = isinstance(objective, Beta) and objective.beta == 0
    return is_off or objective.is_upper_bound  # which trains the guide alone


# Two of these for each prior, in turn, so that each is captured with every second prior.
STEPS = [IWAE(3), DReG(3), STL(1), ELBO(closed_form_kl=True)]
CAPTURED = [(name, STEPS[(i + j) % 4]) for i, name in enumerate(PRIORS) for j in range(2)]


@pytest.mark.parametrize(("name", "objective"), CAPTURED, ids=repr)
def test_the_captured_step_is_the_eager_step(interpreted, name, objective):
    runs = []
    for compile in (False, True):
        pyro.clear_param_store()
        vae = vae_with(PRIORS[name])
        optim = pyro.optim.SGD({"lr": 1e-2})
        svi = SVI(vae.model, vae.guide, optim, objective, compile=compile)
        pyro.set_rng_seed(1)
        losses = [svi.step(X) for _ in range(4)]
        runs.append((losses, [p.detach().clone() for p in vae.parameters()]))
    assert svi._compiled.captured.refusal == ""
    torch.testing.assert_close(runs[1], runs[0], rtol=1e-9, atol=1e-9)


def test_a_vamp_prior_of_flows_is_captured(interpreted):
    losses = []
    for compile in (False, True):
        pyro.clear_param_store()
        vae = vae_with(PRIORS["VampPrior"], posterior=partial(FlowPosterior, num_layers=2))
        svi = SVI(vae.model, vae.guide, pyro.optim.SGD({"lr": 1e-2}), DReG(3), compile=compile)
        pyro.set_rng_seed(1)
        losses.append([svi.step(X) for _ in range(4)])
    assert svi._compiled.captured.refusal == ""
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)


def _route(vae, name):
    """How its KL is found, as written in `ROUTES` where the prior is named there."""
    (route,) = kl_routes(vae.model, vae.guide, X).values()
    assert route == ROUTES.get(name, route)
    return route


@every_prior
def test_the_kl_says_how_it_was_found(name):
    vae = vae_with(PRIORS[name])
    route = _route(vae, name)
    parts = elbo_parts(vae.model, vae.guide, X, num_particles=2000, seed=0)
    assert parts.routes == {"z": route}
    assert (parts.kl_per_dim["z"] is None) == (route != "closed form")
    # By another route: draws from q, scored by hand.
    q, p = vae.encode(X), vae.prior.with_encoder(vae.encode)
    z = q.sample((2000,))
    terms = q.log_prob(z) - p.log_prob(z)
    error = (terms.var(0) / 1000).sqrt()
    assert ((parts.kl - terms.mean(0)).abs() < 4.5 * error).all()


@every_prior
def test_where_there_is_no_closed_form_the_kl_is_sampled(name):
    vae = vae_with(PRIORS[name])
    found = []
    for objective in (ELBO(2, closed_form_kl=True), ELBO(2)):
        pyro.set_rng_seed(3)
        found.append(objective.per_datum(vae.model, vae.guide, X))
    assert torch.allclose(*found) == (_route(vae, name) != "closed form")


@every_prior
def test_the_evidence_is_that_of_draws_from_the_prior(name):
    """log p(x) by the guide, and by the prior, of which many draws are enough here."""
    vae = vae_with(PRIORS[name])
    with torch.no_grad():  # a guide with wide tails, whose weights have a small variance
        vae.encoder.layers[-1].weight.mul_(0.2)
        vae.encoder.layers[-1].bias[LATENT:] = 0.4
    found = log_evidence(vae.model, vae.guide, X, num_particles=3000, seed=0)
    with torch.no_grad():
        z = vae.prior.with_encoder(vae.encode).sample((20_000,))
        weights = vae.decode(z[:, None]).log_prob(X).exp()  # [S, B]
    mean, error = weights.mean(0), weights.std(0) / 20_000**0.5
    slack = 4.5 * ((error / mean) ** 2 + found.standard_error**2).sqrt()
    assert ((mean.log() - found.log_px).abs() < slack).all()


@every_prior
def test_generates(name):
    vae = vae_with(PRIORS[name], likelihood=Binomial(16))
    assert vae.generate(3).shape == (3, DATA)
    vae.likelihood.check(vae.generate(3, mean=False))


@new_priors
def test_a_resumed_run_is_the_same_bit_for_bit(name, tmp_path):
    x, ends = torch.rand(40, DATA).double(), []
    for folder, stops in (("whole", [4]), ("cut", [2, 4])):
        for epochs in stops:
            pyro.clear_param_store()
            vae = vae_with(PRIORS[name])
            if len(stops) == 2 and epochs == 4:  # what resumes knows nothing of what was
                with torch.no_grad():
                    for parameter in vae.parameters():
                        parameter.zero_()
            fit(
                vae.model, vae.guide, x, objective=IWAE(2), epochs=epochs, batch_size=20, seed=1,
                device="cpu", run_dir=tmp_path / folder, resume=epochs == 4 and len(stops) == 2,
                progress=False,
            )  # fmt: skip
        ends.append([p.detach().clone() for p in vae.parameters()])
    assert all(map(torch.equal, *ends))


def test_a_prior_belongs_to_the_latents_of_its_family():
    from pyrovae.errors import ShapeError

    with pytest.raises(ShapeError, match="the prior has latent_dim=3"):
        vae_with(StandardNormal(3))


@every_prior
def test_starts_where_the_data_or_their_codes_lie(name):
    """In no case does the prior fit the codes worse, and nothing else changes by it."""
    vae = vae_with(PRIORS[name])
    with torch.no_grad():
        for parameter in vae.encoder.parameters():
            parameter.mul_(3.0)
    x = torch.rand(200, DATA, generator=torch.Generator().manual_seed(2)).double()
    torch.manual_seed(0)
    codes = vae.encode(x).sample()
    before = {n: t.clone() for n, t in vae.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    found = []
    for _ in range(2):
        found.append(vae.prior.with_encoder(vae.encode).log_prob(codes).mean())
        vae.start(x)
    assert torch.equal(torch.rand(4), expected), "the streams of the user go on"
    after = vae.state_dict()
    assert all(torch.equal(before[n], after[n]) for n in before if not n.startswith("prior."))
    moved = any(not torch.equal(before[n], after[n]) for n in before)
    assert name not in ROUTES or moved == (name not in ("StandardNormal", "FlowPrior"))
    assert found[1] > found[0] if moved else found[1] == found[0]

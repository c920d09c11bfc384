"""M2 against sums over the classes and quadrature over z, both by hand."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import TraceEnum_ELBO
from torch.nn.functional import cross_entropy

from pyrovae import SVI, log_evidence
from pyrovae.errors import ConfigError, DataError, ReparamError, ShapeError
from pyrovae.models import FlowPosterior, SemiSupervisedVAE, VampPrior
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, IWAE, VIMCO, DReG, StratifiedELBO, StratifiedIWAE
from pyrovae.particles import simulate
from pyrovae.train.step import compiled
from tests.oracles import z_scores

NET = partial(MLP, hidden=(6,))
CLASSES = 3
X = torch.bernoulli(torch.full((5, 4), 0.4), generator=torch.Generator().manual_seed(0)).double()
Y = torch.tensor([2, -1, 0, -1, -1])
KNOWN = Y >= 0


@pytest.fixture
def vae():
    pyro.clear_param_store()
    torch.manual_seed(3)
    made = SemiSupervisedVAE((4,), 1, CLASSES, encoder=NET, decoder=NET, classifier=NET).double()
    for parameter in made.parameters():  # away from the start, where all classes are alike
        torch.nn.init.normal_(parameter, std=0.4)
    return made


def _by_quadrature(vae):
    """log p(x, y) and the ELBO given y, by datum and class [5, C]."""
    z = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    evidence, elbo = [], []
    with torch.no_grad():
        for y in range(CLASSES):
            labels = torch.full((len(X),), y)
            q = vae.encode(X, labels)
            log_q = q.log_prob(z[:, None, None].expand(-1, len(X), 1))
            prior = dist.Normal(0.0, 1.0).log_prob(z)[:, None]
            lik = vae.decode(z[:, None, None].expand(-1, len(X), 1), labels).log_prob(X)
            joint = prior + lik - torch.tensor(CLASSES).double().log()
            step = z[1] - z[0]
            evidence.append(joint.logsumexp(0) + step.log())
            elbo.append((log_q.exp() * (joint - log_q)).sum(0) * step)
    return torch.stack(evidence, -1), torch.stack(elbo, -1)


def _told(values):
    return values.gather(-1, Y.clamp_min(0)[:, None])[:, 0]


def test_the_bound_is_a_sum_over_classes(vae):
    _, elbo = _by_quadrature(vae)
    log_q = vae.predict(X).logits.detach()
    free = (log_q.exp() * (elbo - log_q)).sum(-1)
    truth = torch.where(KNOWN, _told(elbo), free)
    rows = X.repeat(3000, 1), Y.repeat(3000)
    found = StratifiedELBO(CLASSES).per_datum(vae.model, vae.guide, *rows).reshape(3000, -1)
    assert (z_scores(found, truth).abs() < 4.5).all()
    sampled = ELBO().per_datum(vae.model, vae.guide, *rows).reshape(3000, -1)
    assert (z_scores(sampled, truth).abs() < 4.5).all()
    assert (found.var(0)[~KNOWN] < sampled.var(0)[~KNOWN]).all()


def test_the_evidence(vae):
    evidence, _ = _by_quadrature(vae)
    truth = torch.where(KNOWN, _told(evidence), evidence.logsumexp(-1))
    found = log_evidence(vae.model, vae.guide, X, Y, num_particles=20_000, seed=1)
    assert ((found.log_px - truth).abs() < 4.5 * found.standard_error).all()
    rows = X.repeat(300, 1), Y.repeat(300)
    weights = StratifiedIWAE(30).per_datum(vae.model, vae.guide, *rows).exp().reshape(300, -1)
    assert (z_scores(weights, truth.exp()).abs() < 4.5).all()


def test_agrees_with_pyros_enumeration(vae):
    """Value and gradient, on average: each draws its own z."""
    rows = X.repeat(4000, 1), Y.repeat(4000)
    leaves = list(vae.parameters())
    found = []
    for objective in (TraceEnum_ELBO(max_plate_nesting=1), StratifiedELBO(CLASSES)):
        pyro.set_rng_seed(0)
        loss = objective.differentiable_loss(vae.model, vae.guide, *rows) / 4000
        found.append([loss.detach(), *torch.autograd.grad(loss, leaves)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.15)


def test_classification_is_a_penalty(vae):
    logits = vae.predict(X).logits
    wrong = 50.0 * cross_entropy(logits[KNOWN], Y[KNOWN], reduction="sum")
    p = ELBO().draw(vae.model, vae.guide, X, Y)
    torch.testing.assert_close(p.total_penalty, wrong)
    inside = p.guide_sites["y"].log_prob[0]
    assert (inside[KNOWN] == 0).all() and (inside[~KNOWN] < 0).all()
    vae.classification_weight = 0.0
    loss = StratifiedELBO(CLASSES).differentiable_loss(vae.model, vae.guide, X[KNOWN], Y[KNOWN])
    grads = torch.autograd.grad(loss, list(vae.classifier.parameters()), allow_unused=True)
    assert all(g is None or bool((g == 0).all()) for g in grads)


@pytest.mark.parametrize("objective", [IWAE(4), StratifiedIWAE(3), VIMCO(4)], ids=repr)
def test_objectives_that_fit(vae, objective):
    objective(vae.model, vae.guide)(X, Y).backward()
    assert all(p.grad is not None for p in vae.parameters())


def test_an_objective_that_does_not(vae):
    with pytest.raises(ReparamError, match="site 'y'"):
        DReG(3)(vae.model, vae.guide)(X, Y)


def test_flow_posterior(vae):
    flow = SemiSupervisedVAE((4,), 2, CLASSES, encoder=NET, decoder=NET, classifier=NET,
                             posterior=partial(FlowPosterior, context_dim=3)).double()  # fmt: skip
    assert StratifiedELBO(6).per_datum(flow.model, flow.guide, X, Y).isfinite().all()


def test_captured(vae, monkeypatch):
    interpreted = partial(compiled.Captured, compiler=None)
    monkeypatch.setattr(compiled, "Captured", interpreted)
    start = {name: tensor.clone() for name, tensor in vae.state_dict().items()}
    losses = []
    for compile in (False, True):
        vae.load_state_dict(start)
        optim = torch.optim.SGD(vae.parameters(), 1e-3)
        svi = SVI(vae.model, vae.guide, optim, StratifiedELBO(CLASSES), compile=compile)
        pyro.set_rng_seed(5)
        losses.append([float(svi.step(X, Y)) for _ in range(4)])
    torch.testing.assert_close(*map(torch.tensor, losses), rtol=1e-9, atol=0.0)


class TestMaking:
    def test_by_class(self, vae):
        y = torch.tensor([0, 0, 2])
        assert vae.generate(y).shape == (3, 4) and vae.generate(5).shape == (5, 4)
        blank = torch.zeros(600, 4).double()
        for label in range(CLASSES):
            labels = torch.full((600,), label)
            made = simulate(vae.model, blank, labels, mean=True)["x"]
            own = vae.decode(torch.randn(600, 1).double(), labels).mean
            assert (z_scores(made - own.detach().mean(0), 0.0).abs() < 6).all()

    def test_reconstructs_with_the_likeliest_class(self, vae):
        assert vae.reconstruct(X).shape == X.shape
        assert vae.reconstruct(X, Y, mean=False).shape == X.shape

    def test_refuses_classes_that_no_label_named(self, vae):
        StratifiedELBO(3)(vae.model, vae.guide)(X, Y).backward()
        vae.generate(torch.tensor([0, 2]))
        with pytest.raises(DataError, match=r"\[1\]"):
            vae.generate(torch.tensor([1]))

    def test_draws_at_random_what_some_label_named(self, vae, monkeypatch):
        StratifiedELBO(3)(vae.model, vae.guide)(X, Y).backward()
        asked, one_hot = [], vae._one_hot
        monkeypatch.setattr(vae, "_one_hot", lambda y: asked.append(y) or one_hot(y))
        vae.generate(40)
        assert set(asked[0].tolist()) == {0, 2}


class TestRefusals:
    def test_labels_out_of_range(self, vae):
        for y in (torch.tensor([0, 1, 2, 3, 0]), torch.tensor([0, -2, 2, 1, 0])):
            with pytest.raises(DataError, match="num_classes=3 allows 0..2, and -1"):
                vae.guide(X, y)

    def test_labels_of_another_kind(self, vae):
        for y in (Y.double(), Y > 0, Y[:3], Y[:, None]):
            with pytest.raises(ShapeError, match="needs whole numbers \\[5\\]"):
                vae.model(X, y)

    def test_z_of_an_unknown_class(self, vae):
        with pytest.raises(DataError, match="without a label"):
            vae.encode(X, Y)

    def test_what_it_cannot_be_made_of(self):
        with pytest.raises(ConfigError, match="num_classes=1"):
            SemiSupervisedVAE((4,), 2, 1)
        with pytest.raises(ConfigError, match="VampPrior"):
            SemiSupervisedVAE((4,), 2, 3, prior=VampPrior)
        made = SemiSupervisedVAE((4,), 2, 3, classifier=torch.nn.Linear(4, 2))
        with pytest.raises(ShapeError, match="classifier gave shape"):
            made.predict(torch.zeros(5, 4))

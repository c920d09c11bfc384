"""A categorical with labels: densities by hand, and bounds against enumeration by hand."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import TraceEnum_ELBO

from pyrovae import SVI
from pyrovae.capture import Captured
from pyrovae.distributions.labelled_categorical import UNKNOWN, LabelledCategorical
from pyrovae.errors import ShapeError
from pyrovae.objectives import ELBO, IWAE, Beta, StratifiedELBO, StratifiedIWAE
from pyrovae.particles.kl import divergence
from pyrovae.train.step import compiled
from tests.oracles import z_scores

LOGITS = torch.randn(5, 4, generator=torch.Generator().manual_seed(1)).double().log_softmax(-1)
LABELS = torch.tensor([2, UNKNOWN, 0, UNKNOWN, 3])
KNOWN = LABELS != UNKNOWN


def test_densities():
    q = LabelledCategorical(LOGITS, LABELS)
    for value in range(4):
        told = torch.where(LABELS == value, 0.0, -torch.inf).double()
        expected = torch.where(KNOWN, told, LOGITS[:, value])
        assert torch.equal(q.log_prob(torch.tensor(value)), expected)
    assert torch.equal(q.log_prob(q.enumerate_support(expand=False)).exp().T, q.probs)
    assert torch.equal(q.probs.sum(-1).round(decimals=12), torch.ones(5).double())


def test_draws():
    q = LabelledCategorical(LOGITS, LABELS).expand((4000, 5))
    drawn = q.sample()
    assert (drawn[:, KNOWN] == LABELS[KNOWN]).all()
    share = torch.nn.functional.one_hot(drawn[:, ~KNOWN], 4).double()
    assert (z_scores(share, LOGITS[~KNOWN].exp()).abs() < 4.5).all()


def test_entropy_and_kl():
    q, free = LabelledCategorical(LOGITS, LABELS), dist.Categorical(logits=LOGITS)
    prior = dist.Categorical(logits=LOGITS.flip(0))
    torch.testing.assert_close(q.entropy(), torch.where(KNOWN, 0.0, free.entropy()))
    told = -prior.log_prob(LABELS.clamp_min(0))
    torch.testing.assert_close(
        divergence(q, prior), torch.where(KNOWN, told, divergence(free, prior))
    )


def test_one_label_for_each_row():
    with pytest.raises(ShapeError, match="needs"):
        LabelledCategorical(LOGITS, torch.tensor([1, 2]))


X = torch.randn(5, generator=torch.Generator().manual_seed(2)).double()
LOCS = torch.tensor([-1.0, 0.0, 0.5, 2.0]).double()


def model(x, labels, weight=None):
    with pyro.plate("data", len(x)):
        y = pyro.sample("y", dist.Categorical(logits=x.new_tensor([0.1, 0.2, -0.3, 0.0])))
        pyro.sample("x", dist.Normal(LOCS[y], 0.8), obs=x)


def guide(x, labels, weight=None):
    logits = LOGITS if weight is None else LOGITS * weight
    with pyro.plate("data", len(x)):
        fn = LabelledCategorical(logits.log_softmax(-1), labels)
        pyro.sample("y", fn, infer={"enumerate": "parallel"})


def _log_joint():  # [5, 4]
    prior = torch.tensor([0.1, 0.2, -0.3, 0.0]).double().log_softmax(-1)
    return prior + dist.Normal(LOCS, 0.8).log_prob(X[:, None])


def _exact_elbo(logits=LOGITS):
    joint = _log_joint()
    free = (logits.exp() * (joint - logits)).sum(-1)
    return torch.where(KNOWN, joint.gather(-1, LABELS.clamp_min(0)[:, None])[:, 0], free)


def test_bounds_by_hand():
    joint = _log_joint()
    told = joint.gather(-1, LABELS.clamp_min(0)[:, None])[:, 0]
    for particles in (4, 8):
        bound = StratifiedELBO(particles).per_datum(model, guide, X, LABELS)
        torch.testing.assert_close(bound, _exact_elbo())
        bound = StratifiedIWAE(particles).per_datum(model, guide, X, LABELS)
        torch.testing.assert_close(bound, torch.where(KNOWN, told, joint.logsumexp(-1)))
    for objective in (ELBO(40), Beta(1.0, 40)):
        values = torch.stack([objective.per_datum(model, guide, X, LABELS) for _ in range(100)])
        free = values[:, ~KNOWN]
        assert (z_scores(free, _exact_elbo()[~KNOWN]).abs() < 4.5).all()
        torch.testing.assert_close(values[0][KNOWN], _exact_elbo()[KNOWN])
    assert IWAE(3).per_datum(model, guide, X, LABELS).isfinite().all()


@pytest.mark.parametrize("objective", [StratifiedELBO(4), TraceEnum_ELBO(max_plate_nesting=1)])
def test_gradients_by_hand(objective):
    weight = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    exact = _exact_elbo((LOGITS * weight).log_softmax(-1)).sum()
    (truth,) = torch.autograd.grad(exact, weight)
    loss = objective.differentiable_loss(model, guide, X, LABELS, weight)
    (found,) = torch.autograd.grad(-loss, weight)
    torch.testing.assert_close(-loss.detach(), exact.detach())
    torch.testing.assert_close(found, truth)


def test_in_the_captured_step(monkeypatch):
    monkeypatch.setattr(compiled, "Captured", partial(Captured, compiler=None))
    losses = []
    for compile in (False, True):
        weight = torch.nn.Parameter(torch.tensor(0.1, dtype=torch.float64))

        def own(x, labels, weight=weight):
            pyro.module("own", torch.nn.ParameterList([weight]))
            guide(x, labels, weight)

        optim = torch.optim.SGD([weight], 0.05)
        svi = SVI(model, own, optim, StratifiedELBO(4), compile=compile)
        losses.append([float(svi.step(X, LABELS)) for _ in range(4)])
    torch.testing.assert_close(*map(torch.tensor, losses))
    assert losses[1][-1] < losses[1][0]

"""The autoregressive prior: it normalises, looks back alone, learns, and draws what it scores."""

import itertools

import pyro
import pytest
import torch

from pyrovae import fit, log_evidence
from pyrovae.errors import ConfigError, ShapeError, SupportError
from pyrovae.models import AutoregressiveCodes, UniformCodes
from pyrovae.objectives import ELBO


def every(grid, num_codes):
    """All codes of a tiny grid."""
    length = torch.Size(grid).numel()
    rows = list(itertools.product(range(num_codes), repeat=length))
    return torch.tensor(rows).reshape(-1, *grid)


@pytest.mark.parametrize("prior", [UniformCodes, AutoregressiveCodes])
@pytest.mark.parametrize(("grid", "n"), [((3,), 4), ((2, 2), 3), ((1, 2, 1), 5), ((1,), 6)])
def test_sums_to_one(prior, grid, n):
    prior = prior(grid, n).double()
    log_prob = prior().log_prob(every(grid, n))
    torch.testing.assert_close(log_prob.logsumexp(0).item(), 0.0)
    uniform = isinstance(prior, UniformCodes)
    assert (log_prob.std() < 1e-9) == uniform


def test_each_code_sees_those_before_it_alone():
    """By gradient, through what stands for the codes."""
    prior = AutoregressiveCodes((2, 3), 5, width=8).double()
    network = prior.network
    kept = {}
    network.codes.register_forward_hook(lambda *call: kept.update(z=call[2].requires_grad_()))
    codes = torch.randint(5, (1, 6))
    logits = network(codes)
    for t in range(6):
        (gradient,) = torch.autograd.grad(
            logits[0, t].square().sum(), kept["z"], retain_graph=True
        )
        seen = gradient[0].abs().sum(-1) > 0
        assert seen.tolist() == [s < t for s in range(5)], f"what place {t} sees"


def test_draws_what_it_scores():
    prior = AutoregressiveCodes((2,), 3, width=8)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.mul_(3.0)  # away from even
    probs = prior().log_prob(every((2,), 3)).exp().detach()
    drawn = prior().sample(torch.Size([20_000]))
    counts = torch.bincount(3 * drawn[:, 0] + drawn[:, 1], minlength=9)
    z = (counts - 20_000 * probs) / (20_000 * probs * (1 - probs)).sqrt()
    assert probs.max() > 2 * probs.min() and z.abs().max() < 4.5
    assert prior().expand([4, 3]).sample().shape == (4, 3, 2)
    assert prior().sample(torch.Size([0])).shape == (0, 2)


def test_learns_by_fit_on_codes():
    """Codes that follow each other: their entropy is log 4, where a uniform prior pays 4 log 4."""
    codes = (torch.arange(400)[:, None] + torch.arange(4)) % 4
    pyro.set_rng_seed(1)
    prior = AutoregressiveCodes((2, 2), 4, width=16)
    codes = codes.reshape(-1, 2, 2)
    fit(prior.model, prior.guide, codes, objective=ELBO(), epochs=30, lr=1e-2, progress=False)
    nll = -log_evidence(prior.model, prior.guide, codes[:40], num_particles=1).mean()
    assert 1.3862 < nll < 1.45
    uniform = UniformCodes((2, 2), 4)
    bound = ELBO().per_datum(uniform.model, uniform.guide, codes[:5])
    torch.testing.assert_close(bound, -4 * torch.tensor(4.0).log().expand(5))


@pytest.mark.parametrize("prior", [UniformCodes, AutoregressiveCodes])
def test_refuses_what_are_no_codes(prior):
    prior = prior((2, 2), 4)
    with pytest.raises(ShapeError, match=r"pass \[B, 2, 2\]"):
        prior.model(torch.zeros(3, 4).long())
    with pytest.raises(SupportError, match="integer tensor"):
        prior.model(torch.zeros(3, 2, 2))
    with pytest.raises(SupportError, match=r"codes in 0..4, and is over 0..3"):
        prior.model(torch.tensor([[[0, 1], [4, 2]]]))


def test_refuses_sizes_that_cannot_be():
    with pytest.raises(ConfigError, match="heads have to divide the width"):
        AutoregressiveCodes((2,), 4, width=10, num_heads=4)
    with pytest.raises(ConfigError, match=r"UniformCodes got grid=\(\)"):
        UniformCodes((), 4)

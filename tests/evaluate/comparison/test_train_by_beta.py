"""Pairs trained with several weights of the KL, against the closed form of probabilistic PCA."""

import pytest
import torch

from pyrovae.errors import ConfigError
from pyrovae.evaluate import train_by_beta
from pyrovae.models import ProbabilisticPCA


def pair():
    return ProbabilisticPCA(4, 2, covariance="diagonal", init_scale=0.7, learn_scale=False)


def test_each_comes_near_the_optimum_of_its_own_beta():
    spread = torch.tensor([2.0, 1.2, 0.7, 0.7])
    x = spread * torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    found = train_by_beta(pair, x, [3.0, 0.5], epochs=60, batch_size=200, lr=0.1,
                          num_particles=4, schedule="cosine")  # fmt: skip
    assert list(found) == [0.5, 3.0]
    for beta, other in ((0.5, 3.0), (3.0, 0.5)):
        best = pair()
        best.solve(x, beta)
        optimum = best.elbo(x, beta).mean().item()
        own, others = (optimum - found[b].elbo(x, beta).mean().item() for b in (beta, other))
        assert -1e-4 < own < 0.1 < others, (beta, own, others)


def test_all_start_alike():
    starts = []

    def counted():
        made = pair()
        starts.append(made.decoder.weight.detach().clone())
        return made

    train_by_beta(counted, torch.randn(20, 4), [1.0, 2.0], epochs=1)
    assert len(starts) == 2 and torch.equal(*starts)


@pytest.mark.parametrize(
    ("make", "betas", "words"),
    [(pair, [], "one or more"), (pair, [1.0, 1.0], "each once"), (3, [1.0], "needs a function")],
)
def test_refusals(make, betas, words):
    with pytest.raises(ConfigError, match=words):
        train_by_beta(make, torch.zeros(3, 4), betas, epochs=1)

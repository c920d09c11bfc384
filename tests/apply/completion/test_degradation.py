"""Linear degradations: exact for normals, and how close for pixels of 0 and 1."""

from itertools import product

import pyro.distributions as dist
import pytest
import torch
from torch.distributions import MultivariateNormal

from pyrovae.apply.completion import bits, degradation
from pyrovae.apply.completion.degradation import Degraded, average_pooling, matrix_of
from pyrovae.errors import ConfigError, ShapeError
from tests.apply.completion.exact import given, z_scores

SUMS = torch.tensor([[1.0, 2, 0, 0], [0, 0, 0.5, 1]]).double()  # no element is in both
MIXED = torch.tensor([[1.0, 2, 0, 0.3], [0.7, 0, 0.5, 1]]).double()


def _case(matrix, copies=1):
    mean, scale = torch.randn(4).double(), torch.rand(4).double() + 0.3
    y, x = torch.randn(2).double(), torch.randn(4).double()
    seen = Degraded(y.expand(copies, 2), x.expand(copies, 4), torch.ones(copies, 1).bool(),
                    matrix, 0.3)  # fmt: skip
    return seen, dist.Normal(mean.expand(copies, 4), scale), mean, scale, y, x


@pytest.mark.parametrize("matrix", [SUMS, MIXED], ids=["disjoint", "mixed"])
def test_normals_are_exact(matrix):
    seen, elements, mean, scale, y, x = _case(matrix, 3000)
    of_y = MultivariateNormal(matrix @ mean, matrix @ scale.square().diag() @ matrix.T
                              + 0.09 * torch.eye(2))  # fmt: skip
    torch.testing.assert_close(seen.log_prob(elements)[0], of_y.log_prob(y))
    loc, covariance = given((mean, scale.square().diag()), matrix, 0.3, y[None])
    found, variance = seen.moments(elements)
    torch.testing.assert_close(found[:1], loc)
    torch.testing.assert_close(variance[0], covariance.diagonal())
    scores = z_scores(seen.draw(elements).unsqueeze(1), loc, covariance)
    assert max(scores) < 4.5, f"z-scores of mean and covariance: {scores}"
    exact = MultivariateNormal(loc[0], covariance).log_prob(x)
    torch.testing.assert_close(seen.log_rest(elements)[0], exact)


@pytest.mark.parametrize("most", [8, 1], ids=["exact", "resampled"])
def test_pixels_that_fit_are_drawn(most, monkeypatch):
    monkeypatch.setattr(degradation, "_CANDIDATES", 300)
    monkeypatch.setattr(bits, "MOST", most)
    chance, copies = torch.tensor([0.3, 0.6, 0.5, 0.8, 0.7]).double(), 3000
    matrix = torch.tensor([[0.5, 0, 0.5, 0, 0.3], [0, 0, 0, 1, 0]]).double()  # one is in no sum
    y = torch.tensor([0.5, 0.9]).double()
    seen = Degraded(y.expand(copies, 2), torch.ones(copies, 5).double(),
                    torch.zeros(copies, 1).bool(), matrix, 0.2)  # fmt: skip
    elements = dist.Bernoulli(chance.expand(copies, 5))
    drawn = seen.draw(elements)
    states = torch.tensor(list(product([0.0, 1.0], repeat=5))).double()
    weight = dist.Bernoulli(chance).log_prob(states).sum(-1)
    weight = weight + dist.Normal(states @ matrix.T, 0.2).log_prob(y).sum(-1)
    exact = weight.softmax(0) @ states
    z = (drawn.mean(0) - exact) / (exact * (1 - exact) / copies).sqrt()
    assert z.abs().max() < 4.5, z
    assert not seen.can_be_scored and not seen.log_given_x().any()
    if most == 8:
        torch.testing.assert_close(seen.log_prob(elements)[0], weight.logsumexp(0))
        mean, variance = seen.moments(elements)
        torch.testing.assert_close(mean[0], exact)
        torch.testing.assert_close(variance[0], exact * (1 - exact))
        known = Degraded(seen.y, seen.x, torch.ones(copies, 1).bool(), matrix, 0.2)
        torch.testing.assert_close(known.log_rest(elements)[0], weight.log_softmax(0)[-1])


def test_a_sum_of_nothing_says_nothing():
    matrix = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    seen = Degraded(torch.tensor([[0.0, 1.0, 0.0]]).expand(500, 3), torch.zeros(500, 3),
                    torch.zeros(500, 1).bool(), matrix, 0.01)  # fmt: skip
    elements = dist.Bernoulli(torch.tensor([0.5, 0.5, 0.3]).expand(500, 3))
    assert bool((seen.draw(elements)[:, :2] == 1).all())
    torch.testing.assert_close(seen.moments(elements)[0][0], torch.tensor([1.0, 1.0, 0.3]))
    sums = dist.Normal(torch.tensor([0.0, 0.5, 0.5, 1.0]), 0.01).log_prob(torch.tensor(1.0))
    two = 2 * dist.Normal(0.0, 0.01).log_prob(torch.tensor(0.0))
    exact = (sums - torch.tensor(4.0).log()).logsumexp(0) + two
    torch.testing.assert_close(seen.log_prob(elements)[0], exact)


def test_pooling_is_that_of_torch():
    matrix, small = average_pooling((3, 4, 6), 2)
    x = torch.randn(5, 3, 4, 6).double()
    pooled = torch.nn.functional.avg_pool2d(x, 2)
    torch.testing.assert_close(x.flatten(1) @ matrix.T, pooled.flatten(1))
    assert small == (3, 2, 3)
    with pytest.raises(ShapeError, match="do not divide into blocks of 4 by 4"):
        average_pooling((1, 8, 6), 4)
    with pytest.raises(ConfigError, match="factor is 1"):
        average_pooling((1, 8, 6), 1)


def test_the_matrix_of_a_linear_function():
    net = torch.nn.Linear(4, 3, bias=False)
    torch.testing.assert_close(matrix_of(net, (4,)), net.weight.detach())
    with pytest.raises(ConfigError, match="not linear"):
        matrix_of(torch.nn.Linear(4, 3), (4,))
    with pytest.raises(ConfigError, match="not linear"):
        matrix_of(lambda x: x.square(), (4,))

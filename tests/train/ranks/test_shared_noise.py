"""The parts of the ranks, put together, are what one process draws."""

import pyro.distributions as dist
import pytest
import torch
from torch.nn import functional

from pyrovae.runtime.distributed import Team
from pyrovae.train.ranks.shared_noise import SharedNoise

ROWS = 7


def drawn(draw, size, particles=1):
    """One process's draw, and that of each rank, with what comes after it in the stream."""
    x = torch.arange(1.0, ROWS + 1) / (ROWS + 1)
    torch.manual_seed(0)
    whole, after = draw(x), torch.rand(2)
    parts = []
    for rank in range(size):
        part = Team(rank, size).part(ROWS)
        torch.manual_seed(0)
        with SharedNoise(part, particles):
            parts.append(draw(x[part.start : part.stop]))
        assert torch.equal(torch.rand(2), after)  # the streams stay together
    return whole, parts


def positive(x, *shape):
    return x.reshape(-1, *[1] * (len(shape) - 1)).expand(len(x), *shape[1:])


DRAWS = {
    "Normal": lambda x: dist.Normal(x, 1.0).rsample(),
    "Normal of torch": lambda x: torch.distributions.Normal(x, 1.0).sample(),
    "events": lambda x: dist.Normal(positive(x, 0, 3), 1.0).to_event(1).rsample(),
    "Bernoulli": lambda x: dist.Bernoulli(x).sample(),
    "Uniform": lambda x: dist.Uniform(x, x + 1).rsample(),
    "Laplace": lambda x: dist.Laplace(x, x).rsample(),
    "Exponential": lambda x: dist.Exponential(x).rsample(),
    "Cauchy": lambda x: dist.Cauchy(x, x).rsample(),
    "Geometric": lambda x: dist.Geometric(x).sample(),
    "Categorical": lambda x: dist.Categorical(logits=positive(x, 0, 4)).sample(),
    "OneHot": lambda x: dist.OneHotCategorical(logits=positive(x, 0, 4)).sample(),
    "MultivariateNormal": lambda x: dist.MultivariateNormal(
        positive(x, 0, 2), torch.eye(2)
    ).rsample(),
    "Relaxed": lambda x: dist.RelaxedBernoulliStraightThrough(torch.tensor(0.5), x).rsample(),
    "like": lambda x: torch.randn_like(x),
    "sizes one by one": lambda x: torch.randn(len(x), 2),
    "size as a keyword": lambda x: torch.rand(size=(len(x), 2)),
    "normal of a size": lambda x: torch.normal(1.0, 2.0, (len(x), 2)),
    "integers": lambda x: torch.randint(1000, (len(x), 5)),
    "in place": lambda x: torch.empty(len(x), 3, dtype=torch.float64).normal_(2.0, 3.0),
    "in place, each its own": lambda x: torch.empty(len(x)).bernoulli_(x),
    "a method": lambda x: positive(x, 0, 3).bernoulli(),
    "dropout": lambda x: functional.dropout(positive(x, 0, 20), 0.5, True),
    "dropout of channels": lambda x: functional.dropout2d(positive(x, 0, 3, 2, 2), 0.5, True),
    "gumbel": lambda x: functional.gumbel_softmax(positive(x, 0, 4)),
}


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_rows_meet_the_noise_of_one_process(draw, size):
    whole, parts = drawn(draw, size)
    assert torch.equal(torch.cat(parts), whole)


# How many numbers these take from the stream depends on their parameters, so the ranks part.
@pytest.mark.parametrize(
    "draw",
    [
        lambda x: dist.Gamma(positive(x, 0, 500), 1.0).rsample(),
        lambda x: dist.Beta(positive(x, 0, 500), 1.0).rsample(),
        lambda x: dist.Poisson(100 * positive(x, 0, 500)).sample(),
        lambda x: dist.Binomial(50, positive(x, 0, 500)).sample(),
    ],
    ids=["Gamma", "Beta", "Poisson", "Binomial"],
)
def test_noise_of_unknown_length_is_independent(draw):
    x = torch.full((4,), 0.5)
    parts = [Team(rank, 2).part(4) for rank in range(2)]
    drawn = []
    for part in parts:
        torch.manual_seed(0)
        with SharedNoise(part):
            drawn.append(draw(x[:2]))
    rows = torch.cat(drawn).double()
    correlation = torch.corrcoef(rows) - torch.eye(4)
    assert correlation.abs().max() < 0.25
    assert len({tuple(row.tolist()) for row in rows}) == 4


def test_a_gradient_flows_through_rows_drawn_together():
    part = Team(1, 2).part(6)
    concentration = torch.full((3,), 2.0, requires_grad=True)
    with SharedNoise(part):
        dist.Gamma(concentration, 1.0).rsample().sum().backward()
    assert concentration.grad.shape == (3,) and (concentration.grad > 0).all()


@pytest.mark.parametrize("particles", [2, 3, 5])
def test_particles_come_before_the_data(particles):
    # With two ranks of 3 and 4 rows: as many particles as rows, and another number.
    whole, parts = drawn(lambda x: torch.randn(particles, len(x), 4), 2, particles)
    assert torch.equal(torch.cat(parts, 1), whole)


def test_particles_and_data_in_one_axis():
    whole, parts = drawn(lambda x: torch.randn(5 * len(x), 2), 3, particles=5)
    rows = torch.cat([part.unflatten(0, (5, -1)) for part in parts], 1)
    assert torch.equal(rows.flatten(0, 1), whole)


def test_a_row_that_does_not_count_keeps_the_stream_together():
    parts = [Team(rank, 2).part(1) for rank in range(2)]
    after = []
    for part in parts:
        torch.manual_seed(0)
        with SharedNoise(part):
            torch.randn(1, 3)
        after.append(torch.rand(1))
    assert after[0] == after[1] and [part.counts for part in parts] == [False, True]


def test_noise_without_data_is_that_of_all_ranks():
    torch.manual_seed(0)
    expected = torch.randn(2)
    torch.manual_seed(0)
    with SharedNoise(Team(1, 2).part(12)):
        assert torch.equal(torch.randn(2), expected)
        assert functional.dropout(torch.ones(6, 2), 0.5, training=False).min() == 1

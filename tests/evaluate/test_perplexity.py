"""Perplexity: exact on strings that can be enumerated; errors by their definitions."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrovae import perplexity
from pyrovae.errors import ConfigError, DataError, PlateError
from tests.evaluate.token_pairs import Strings
from tests.result_contract import check_result

PAIR = Strings()
X = PAIR.every()


@pytest.fixture(scope="module")
def found():
    return perplexity(PAIR, X, num_particles=2000, seed=0)


def test_equals_the_exact_perplexity(found):
    tokens = torch.tensor([len(s) for s in ("".join(map(str, r)).rstrip("0") for r in X.tolist())])
    assert found.num_tokens.tolist() == tokens.tolist()
    exact = float(-PAIR.log_px(X).sum() / tokens.sum())
    z = (found.nll_per_token - found.shortfall - exact) / found.monte_carlo_error
    assert abs(z) < 4.5 and found.monte_carlo_error < 0.002
    assert found.perplexity == pytest.approx(math.exp(exact), rel=0.01)
    assert found.bound_per_token > exact  # the ELBO is a lower bound


def test_the_standard_error_is_the_spread_over_samples_of_data(found):
    log_px, tokens = PAIR.log_px(X), found.num_tokens
    rows = torch.randint(len(X), (4000, len(X)), generator=torch.Generator().manual_seed(0))
    ratios = -log_px[rows].sum(1) / tokens[rows].sum(1)  # the bootstrap
    assert found.standard_error == pytest.approx(float(ratios.std()), rel=0.06)


def test_the_table_says_tokens_verdict_and_latents(found):
    check_result(found)
    text = str(found)
    assert "NLL per letter" in text and found.evidence.verdict in text
    assert f"{int(found.num_tokens.sum())}" in text and "active units" in text
    assert found.numbers()["bits_per_token"] == found.nll_per_token / math.log(2)


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        yield from zip(X.numpy(), range(len(X)), strict=True)


def test_takes_a_stream_and_a_function_that_counts():
    options = {"num_particles": 5, "seed": 0}
    plain = perplexity(PAIR.model, PAIR.guide, X, **options)
    counted = perplexity(
        PAIR.model, PAIR.guide, Stream(), columns=0,
        num_tokens=lambda x: 2 * PAIR.num_tokens(x),
        **options,
    )  # fmt: skip
    assert counted.nll_per_token == pytest.approx(plain.nll_per_token / 2)


def test_a_pair_without_latents_has_an_exact_perplexity():
    logits = torch.tensor([0.3, -1.0, 0.7])

    def model(x):
        with pyro.plate("data", len(x)):
            pyro.sample(
                "x", dist.Categorical(logits=logits).expand([len(x), 2]).to_event(1), obs=x
            )

    x = torch.tensor([[0, 2], [1, 1], [2, 2]])
    found = perplexity(
        model, lambda x: None, x, num_particles=1, num_tokens=lambda x: torch.full((len(x),), 2)
    )
    assert found.units is None and "no latents" in str(found)
    exact = -float(logits.log_softmax(0)[x].mean())
    assert found.nll_per_token == pytest.approx(exact) == pytest.approx(found.bound_per_token)


def test_refuses_what_has_no_tokens():
    with pytest.raises(ConfigError, match=r"has no method num_tokens.*give num_tokens="):
        perplexity(lambda x: None, lambda x: None, X)
    for count, message in {
        "none": (lambda x: torch.zeros(len(x)), "hold no token"),
        "negative": (lambda x: torch.arange(len(x)) - 1, "gave -1 for row 0"),
        "shape": (lambda x: x, r"gave shape \[40, 4\] .* one number for each datum"),
    }.values():
        with pytest.raises(DataError, match=message):
            perplexity(PAIR, X, num_tokens=count)
    with pytest.raises(PlateError, match="tokens"):
        perplexity(PAIR, X, batch_plate=None)

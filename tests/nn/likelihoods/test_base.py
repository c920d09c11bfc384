"""Data outside a support are refused, with the likelihoods that would fit."""

import pytest
import torch
from pyro.distributions import Poisson

from pyrovae import nn
from pyrovae.errors import SupportError

REALS = ["Normal()", "LearnedNormal()", "PredictedNormal()", "StudentT()"]
COUNTS = ["Poisson()", "NegativeBinomial()"]
MANY_ZEROS = [*COUNTS, "ZeroInflatedPoisson()", "ZeroInflatedNegativeBinomial()"]
DATA = {
    "binary": (torch.tensor([0.0, 1.0, 1.0]), ["Bernoulli()"]),
    "grey": (
        torch.tensor([0.0, 0.4, 1.0]),
        ['Bernoulli() after binarize="dynamic"', "ContinuousBernoulli()", *REALS],
    ),
    "digits": (
        torch.arange(17.0),
        [
            'Bernoulli() after binarize="dynamic"',
            "BetaBinomial(total_count=16)",
            "Binomial(total_count=16)",
            "Categorical(17)",
            "DiscretizedLogistic(levels=17)",
            *MANY_ZEROS,
        ],
    ),
    "bytes": (
        torch.arange(250, dtype=torch.uint8),
        [
            'Bernoulli() after binarize="dynamic"',
            "BetaBinomial(total_count=255)",
            "Binomial(total_count=255)",
            "Categorical(256)",
            "DiscretizedLogistic(levels=256)",
            *MANY_ZEROS,
        ],
    ),
    "reals": (torch.tensor([-1.5, 0.0, 2.5]), REALS),
    "signed whole": (torch.tensor([-1, 0, 2]), REALS),
    "huge whole": (torch.tensor([0.0, 1e6]), [*REALS, *MANY_ZEROS]),
    "whole from 1": (
        torch.tensor([1, 70_000]),
        [*REALS, *COUNTS, "Gamma()", "LogNormal()"],
    ),
    "positive": (torch.tensor([0.2, 0.3, 700.0]), [*REALS, "Gamma()", "LogNormal()"]),
    "positive with zeros": (torch.tensor([0.0, 0.3, 700.0]), REALS),
    "shares": (
        torch.tensor([0.01, 0.3, 0.99]),
        [
            'Bernoulli() after binarize="dynamic"',
            "Beta()",
            "ContinuousBernoulli()",
            "Gamma()",
            "LogNormal()",
            *REALS,
        ],
    ),
}


@pytest.mark.parametrize("name", DATA)
def test_names_the_likelihoods_that_fit(name):
    x, expected = DATA[name]
    assert sorted(nn.fitting_likelihoods(x)) == sorted(expected)


@pytest.mark.parametrize("name", DATA)
def test_what_is_named_accepts_the_data(name):
    x, _ = DATA[name]
    for text in nn.fitting_likelihoods(x):
        binarized = 'binarize="dynamic"' in text
        call, _, argument = text.split(" after ")[0].rstrip(")").partition("(")
        named, _, value = argument.rpartition("=")
        arguments = [int(value)] if value and not named else []
        head = getattr(nn, call)(*arguments, **({named: int(value)} if named else {}))
        head.check((x > 0).float() if binarized else x)
        head.check(x.new_empty(0))


REFUSED = [
    (nn.Bernoulli(), "grey", "values in [0, 1]; it needs 0 or 1 only", "ContinuousBernoulli()"),
    (nn.Bernoulli(), "digits", "whole numbers in [0, 16]", "Binomial(total_count=16)"),
    (nn.Bernoulli(), "reals", "values in [-1.5, 2.5]", "Normal()"),
    (nn.ContinuousBernoulli(), "bytes", "needs values in [0, 1]", "DiscretizedLogistic(levels="),
    (nn.Binomial(16), "bytes", "needs whole numbers in 0..16", "Binomial(total_count=255)"),
    (nn.Binomial(16), "grey", "values in [0, 1]", 'binarize="dynamic"'),
    (nn.DiscretizedLogistic(), "grey", "needs whole numbers in 0..255", "ContinuousBernoulli()"),
    (nn.DiscretizedLogistic(16), "digits", "0..15", "DiscretizedLogistic(levels=17)"),
    (nn.Categorical(16), "digits", "whole numbers in 0..15", "Categorical(17)"),
    (nn.Categorical(16), "signed whole", "[-1, 2]", "LearnedNormal()"),
    (nn.Bernoulli(), "huge whole", "0 or 1 only", "NegativeBinomial()"),
    (nn.Poisson(), "positive", "Counts that were normalised or logged are none", "Gamma()"),
    (nn.Poisson(), "signed whole", "needs whole numbers from 0", "StudentT()"),
    (nn.NegativeBinomial(), "grey", 'size_factor="total"', "ContinuousBernoulli()"),
    (nn.BetaBinomial(16), "bytes", "0..16", "BetaBinomial(total_count=255)"),
    (nn.Gamma(), "positive with zeros", "An exact 0 has no density under it", "StudentT()"),
    (nn.LogNormal(), "reals", "needs positive numbers", "StudentT()"),
    (nn.Beta(), "grey", "Exact 0 and 1 have no density", "ContinuousBernoulli()"),
    (nn.Beta(), "positive", "both excluded", "LogNormal()"),
    (nn.Beta(), "binary", "Exact 0 and 1", "Bernoulli()"),
]


@pytest.mark.parametrize(("head", "name", "needed", "way_out"), REFUSED)
def test_refuses_and_says_what_fits(head, name, needed, way_out):
    x, _ = DATA[name]
    with pytest.raises(SupportError) as caught:
        head.check(x)
    message = str(caught.value)
    assert message.startswith(repr(head))
    assert needed in message.split("What fits")[0]
    assert way_out in message.split("What fits")[1]


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    "head",
    [
        nn.Bernoulli(),
        nn.Binomial(),
        nn.Categorical(),
        nn.ContinuousBernoulli(),
        nn.DiscretizedLogistic(),
        nn.Normal(),
        nn.LearnedNormal(),
        nn.PredictedNormal(),
        nn.Beta(),
        nn.BetaBinomial(),
        nn.Gamma(),
        nn.LogNormal(),
        nn.NegativeBinomial(),
        nn.Poisson(),
        nn.StudentT(),
        nn.ZeroInflatedNegativeBinomial(),
        nn.ZeroInflatedPoisson(),
    ],
    ids=repr,
)
def test_refuses_what_is_not_finite(head, bad):
    x = torch.zeros(10)
    x[7] = bad
    with pytest.raises(SupportError, match="infinite or not a number.*drop or impute"):
        head.check(x)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float64])
def test_checks_data_of_any_type(dtype):
    nn.Bernoulli().check(torch.tensor([0, 1, 1]).to(dtype))


def test_scores_bytes_without_overflow():
    x = torch.tensor([0, 100, 255], dtype=torch.uint8)
    for head in (nn.DiscretizedLogistic(), nn.Binomial(255), nn.Categorical()):
        params = torch.randn(head.num_parameters, 3, dtype=torch.float64)
        d = head(params, event_dim=1)
        torch.testing.assert_close(d.log_prob(x), d.log_prob(x.double()))


def test_a_head_of_ones_own():
    class Counts(nn.Likelihood):
        needs = "whole numbers from 0"

        def distribution(self, params):
            return Poisson(params[0].exp())

        def accepts(self, values):
            return values.whole and values.low >= 0

    head = Counts()
    assert head(torch.zeros(4, 1, 3), event_dim=1).event_shape == (3,)
    head.check(torch.arange(5))
    with pytest.raises(SupportError, match="whole numbers from 0.*Normal"):
        head.check(torch.tensor([0.5, 3.0]))

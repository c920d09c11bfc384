"""Coherence of topics by hand, and the perplexity of words."""

import math

import pytest
import torch

from pyrovae import data, evaluate, nn
from pyrovae.errors import ConfigError, DataError
from pyrovae.models import VAE, TopicModel
from tests.result_contract import check_result

WORDS = ["tea", "milk", "screw", "nut", "the"]
X = torch.tensor([
    [2, 1, 0, 0, 1],
    [1, 3, 0, 0, 2],
    [1, 0, 0, 1, 1],
    [0, 0, 4, 1, 1],
])  # fmt: skip


def test_npmi_by_hand():
    found = evaluate.topics([["tea", "milk", "nut"], ["screw", "the"]], X, vocabulary=WORDS)
    # tea is in 3 of 4, milk in 2, nut in 2; tea and milk in 2, tea and nut in 1, milk, nut in 0.
    pairs = [math.log((2 / 4) / (3 / 4 * 2 / 4)) / -math.log(2 / 4),
             math.log((1 / 4) / (3 / 4 * 2 / 4)) / -math.log(1 / 4), -1.0]  # fmt: skip
    assert dict(zip(found.numbers_of_topics, found.coherence, strict=True)) == pytest.approx(
        {1: sum(pairs) / 3, 2: 0.0}  # "the" is everywhere, and says nothing of "screw"
    )
    assert found.diversity == 1 and found.num_documents == 4
    assert found.numbers_of_topics == [2, 1] and found.words[0] == ["screw", "the"]
    check_result(found)


def test_words_that_are_everywhere_are_together():
    x = torch.ones(3, 2)
    assert evaluate.topics([[0, 1]], x).coherence == [1.0]


def test_takes_a_data_set_sparse_as_it_is():
    whole = data.counts(X.repeat(10, 1), vocabulary=WORDS)
    found = evaluate.topics([["tea", "milk"], ["tea", "nut"]], whole)
    same = evaluate.topics([[0, 1], [0, 3]], whole.train.x)
    assert found.coherence == same.coherence and found.diversity == 0.75
    assert "tea milk" in str(found) and same.words[0] == ["0", "1"]


def test_refuses_unknown_words():
    for words, message in (
        ([["tea", "coffee"]], "'coffee' is no word of the vocabulary"),
        ([], "got none"),
        ([[]], "without words"),
        ([["tea", 7]], "no column of 5"),
    ):
        with pytest.raises(ConfigError, match=message):
            evaluate.topics(words, X, vocabulary=WORDS)
    with pytest.raises(ConfigError, match="'tea' is no word"):
        evaluate.topics([["tea"]], X)


class _Fixed(torch.nn.Module):
    """Words of fixed probabilities, whatever z."""

    def __init__(self, p):
        super().__init__()
        self.logits = torch.nn.Parameter(p.log())

    def forward(self, z):
        return self.logits.expand(len(z), 1, -1)


def test_perplexity_of_fixed_probabilities():
    p = torch.tensor([0.4, 0.1, 0.2, 0.2, 0.1])
    pair = VAE((5,), 2, decoder=_Fixed(p), likelihood=nn.Multinomial(), encoder=_zero)
    nats = -(X * p.log()).sum() / X.sum()
    for given in (X, data.SparseSplit(X.float())):
        found = evaluate.word_perplexity(pair, given, num_particles=3)
        assert found.perplexity == pytest.approx(nats.exp().item(), rel=1e-5)
    assert found.nats == pytest.approx(nats.item()) and int(found.words.sum()) == int(X.sum())
    check_result(found, draws=False)


def _zero(in_shape, out_shape):
    net = nn.MLP(in_shape, out_shape, hidden=())
    torch.nn.init.zeros_(net.layers[0].weight)
    torch.nn.init.zeros_(net.layers[0].bias)
    return net


def test_perplexity_sums_to_one_over_sequences():
    """The words of two documents of length 2: all sequences have probability 1 together."""
    torch.manual_seed(0)
    pair = TopicModel((3,), 2, mixing="mixture").double()
    every = torch.tensor([[i, j] for i in range(3) for j in range(3)])
    x = torch.nn.functional.one_hot(every, 3).sum(1).double()
    found = evaluate.word_perplexity(pair, x, num_particles=20_000, seed=0)
    assert found.log_px.exp().sum().item() == pytest.approx(1, abs=5e-3)


def test_refuses_documents_without_words():
    pair = VAE((5,), 2, likelihood=nn.Multinomial())
    with pytest.raises(DataError, match="no words"):
        evaluate.word_perplexity(pair, torch.zeros(3, 5), num_particles=1)


@pytest.mark.parametrize("size_factor", ["total", None])
def test_refuses_likelihoods_that_are_not_given_the_number_of_words(size_factor):
    pair = VAE((5,), 2, likelihood=nn.Poisson(size_factor=size_factor))
    with pytest.raises(ConfigError, match="also of how many words"):
        evaluate.word_perplexity(pair, X, num_particles=1)

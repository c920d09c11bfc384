"""A model that draws each step given the data's own steps makes no data to compare with."""

import pytest
import torch

from pyrovae import apply, sample_quality
from pyrovae.errors import DataError
from pyrovae.models import VAE
from pyrovae.nn import Poisson
from tests.evaluate.token_pairs import Strings


def lengths(x):
    return (x != 0).sum(1, keepdim=True).double()


def test_draws_that_follow_the_data_are_refused():
    pair = Strings()
    x = pair.every()[:40]
    with pytest.raises(DataError, match="sample_quality: what the model draws at 'x'.*forcing"):
        sample_quality(pair, x, train=x, features=lengths, nearest=2, seed=0)
    for predictive in ("posterior", "prior"):
        with pytest.raises(DataError, match="predictive_check: what the model draws at 'x'"):
            apply.predictive_check(pair, x, statistics=[lengths], replicates=20, seed=0,
                                   predictive=predictive)  # fmt: skip


def test_counts_given_their_total_are_taken():
    torch.manual_seed(0)
    vae, x = VAE(4, 2, likelihood=Poisson(size_factor="total")), torch.arange(24.0).view(6, 4)
    found = apply.predictive_check(vae, x, statistics=["mean"], replicates=20, seed=0)
    assert found.num_data == 6

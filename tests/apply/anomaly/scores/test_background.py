"""A background model is trained on data with random elements."""

import pytest
import torch

from pyrovae.apply import fit_background
from pyrovae.apply.anomaly.scores.background import background_of, mutated
from pyrovae.data import Split
from pyrovae.errors import ConfigError
from pyrovae.models import VAE
from tests.pairs import param_functions

QUIET = {"epochs": 1, "progress": False, "device": "cpu", "seed": 0, "batch_size": 60}


def test_the_share_and_the_values_of_mutations():
    x, levels = torch.full((4000, 5), 3.0), torch.tensor([0.0, 1.0, 2.0, 7.0])
    found = mutated(x, 0.3, levels)
    share = (found != 3).float().mean()
    assert abs(share - 0.3) < 4 * (0.21 / x.numel()) ** 0.5
    counts = torch.stack([(found == level).sum() for level in levels]).double()
    expected = counts.sum() / 4
    assert ((counts - expected).square() / expected).sum() < 16.3  # chi-square of 3, 1e-3
    assert torch.equal(mutated(x, 0.0, levels), x)


def test_real_numbers_are_drawn_between_the_least_and_the_largest():
    found = mutated(torch.zeros(4000, 2).double(), 1.0, torch.linspace(-2, 4, 999))
    assert found.dtype == torch.float64
    assert -2 <= found.min() < -1.9 and 3.9 < found.max() <= 4
    assert abs(found.mean() - 1) < 0.1


def test_the_pair_sees_mutated_data_of_its_levels():
    seen = []

    class Seen(VAE):
        def model(self, x):
            seen.append(x.clone())
            return super().model(x)

    x = torch.randint(0, 2, (60, 8)).float()
    for data in (x, Split(x / 2, dynamic=True), Split(x)):
        seen.clear()
        fit_background(Seen((8,), 2), data, rate=0.5, **QUIET)
        assert set(torch.cat(seen).unique().tolist()) == {0.0, 1.0}
        assert not any(torch.equal(batch, x) for batch in seen)


def test_labels_are_kept():
    y = torch.arange(3).repeat(20)
    seen = []

    def keep(x, y):
        seen.append(y)
        return x.flip(0)

    fit_background(VAE((8,), 2), Split(torch.ones(60, 8), y).labelled(), transform=keep, **QUIET)
    assert all(torch.equal(labels.sort().values, y.sort().values) for labels in seen)


def test_a_copy_is_trained_and_the_pair_is_not():
    pair, x = VAE((8,), 2), torch.randint(0, 2, (60, 8)).float()
    before = [p.clone() for p in pair.parameters()]
    model, guide = background_of((pair.model, pair.guide), x, epochs=1, rate=0.2, seed=0,
                                 progress=False)  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(before, pair.parameters(), strict=True))
    assert model.__self__ is guide.__self__ and model.__self__ is not pair
    assert any(not torch.equal(a, b)
               for a, b in zip(before, model.__self__.parameters(), strict=True))  # fmt: skip
    functions = param_functions(torch.float32)
    with pytest.raises(ConfigError, match="Pyro's store"):
        background_of((functions.model, functions.guide), functions.args[0], epochs=1, rate=0.2,
                      seed=0, progress=False)  # fmt: skip


def test_refusals():
    with pytest.raises(ConfigError, match="rate=1.5"):
        fit_background(VAE((8,), 2), torch.zeros(3, 8), rate=1.5)

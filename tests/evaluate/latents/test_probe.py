"""A probe on codes whose classes are known to be apart, or not."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from pyrovae.data import Split
from pyrovae.errors import DataError
from pyrovae.evaluate import probe

CENTRES = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0]])


def model(x):
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(x.new_zeros(2), 1.0).to_event(1))
        pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)


def guide(x):
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(x / 2, 0.7).to_event(1))


def _split(n, seed, noise=0.3):
    rng = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    return Split(CENTRES[y] + noise * torch.randn(n, 2, generator=rng), y=y)


@pytest.mark.parametrize("classifier", [None, KNeighborsClassifier(1)])
def test_classes_that_are_apart(classifier):
    train, test = _split(300, 0), _split(150, 1)
    known = torch.arange(300) < 9
    few = Split(train.x, y=torch.where(known, train.y, -1))
    assert probe(model, guide, few, test, classifier=classifier) == 1.0


def test_rows_without_a_label_are_left_out():
    train, test = _split(300, 0), _split(150, 1)
    known = torch.arange(300) < 9
    few = Split(train.x, y=torch.where(known, train.y, -1))
    spoilt = Split(torch.where(known[:, None], train.x, 100.0), y=few.y)
    assert probe(model, guide, spoilt, test) == probe(model, guide, few, test)


def test_classes_that_say_nothing():
    train, test = _split(3000, 0, noise=100.0), _split(3000, 1, noise=100.0)
    assert abs(probe(model, guide, train, test) - 1 / 3) < 0.06


def test_labels_that_are_not_there():
    whole = _split(30, 0)
    assert whole.y is not None
    with pytest.raises(DataError, match="all of test's"):
        probe(model, guide, whole, Split(whole.x))
    with pytest.raises(DataError, match="not of two classes"):
        probe(model, guide, Split(whole.x, y=torch.where(whole.y == 1, 1, -1)), whole)

"""One call, one table."""

import pyro.distributions as dist
import pytest
import torch
from sklearn.tree import DecisionTreeClassifier

from pyrovae import disentanglement, posterior_means
from pyrovae.data import Split
from pyrovae.errors import DataError
from pyrovae.evaluate import mig
from tests.evaluate.latents.test_traversal import pair_of

from .representations import FACTORS, dead, noise, rotated, themselves

FEW = {"num_votes": 500, "num_test_votes": 500}
NAMES = ("shape", "scale", "orientation", "x", "y")


def test_the_factors_themselves():
    found = disentanglement(themselves(), FACTORS, names=NAMES, min_variance=0, **FEW)
    scores = found.summary()
    assert 0.35 < scores.pop("sap") < 0.6
    assert list(scores.values()) == pytest.approx([1] * 6)
    lines = str(found).splitlines()
    assert lines[1].split()[:2] == ["mig", "1.000"]
    assert "0.200 by chance" in lines[6]
    assert lines[9].split()[:2] == ["factor", "best"]
    assert [line.split()[0] for line in lines[10:15]] == list(NAMES)
    assert lines[10].split()[1:] == ["2", "1.000", "1.000", "1.000"]
    assert lines[15] == "10,368 data, 5 of 5 codes vary"


def test_inactive_units_are_left_out():
    """What the decoder cannot see may say anything, and would spoil the gap."""
    codes = torch.cat([FACTORS.double(), 0.03 * FACTORS[:, 3:]], 1)
    few = {**FEW, "classifier": DecisionTreeClassifier(random_state=0)}
    kept = disentanglement(codes, FACTORS, min_variance=0, **few)
    cleared = disentanglement(codes, FACTORS, min_variance=0.1, **few)
    assert kept.mig.score == pytest.approx(0.6) and cleared.mig.score == pytest.approx(1)
    assert (kept.num_live, cleared.num_live) == (7, 5)


@pytest.mark.parametrize("codes", [rotated(), noise(5), dead()])
def test_low_scores(codes):
    found = disentanglement(codes[::5], FACTORS[::5], **FEW)
    assert found.mig.score < 0.2 and found.sap.score < 0.15
    assert found.dci.disentanglement < 0.3
    assert all(0 <= score <= 1 for score in found.summary().values())
    assert "nan" not in str(found)


def test_codes_of_a_pair():
    """A guide whose means are two factors, the third unit dead."""
    table = torch.cartesian_prod(torch.arange(4), torch.arange(5))

    def loc(x):
        return torch.cat([x, torch.zeros_like(x[:, :1])], 1)

    model, guide = pair_of(lambda x: dist.Normal(loc(x), 0.1), 3)
    split = Split(table.double().repeat(20, 1), table.repeat(20, 1))
    codes = posterior_means(model, guide, split)
    found = disentanglement(codes, split.y, **FEW)
    assert found.summary() | {"sap": 1} == pytest.approx(dict.fromkeys(found.summary(), 1.0))
    assert found.num_live == 2 and found.mig.score == mig(split.x, split.y).score


def test_names_are_as_many_as_factors():
    with pytest.raises(DataError, match="2 names for 5 factors"):
        disentanglement(themselves(), FACTORS, names=["a", "b"])

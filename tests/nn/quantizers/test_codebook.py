"""When a codebook learns, from what, and what becomes of codes that nobody uses."""

import copy

import pytest
import torch

from pyrovae.errors import ShapeError
from pyrovae.nn.quantizers import LearnedCodebook, MovingAverageCodebook

KINDS = pytest.mark.parametrize("kind", [LearnedCodebook, MovingAverageCodebook])


def rows_of(found, among):
    """Whether each vector is one of these."""
    return (found[:, None] == among).all(-1).any(-1)


@KINDS
def test_k_means_start(kind):
    """Well separated clusters have their means for codes, and their shares."""
    centres = torch.tensor([[0.0, 10.0], [10.0, 0.0], [-10.0, -10.0]]).double()
    labels = torch.tensor([0] * 10 + [1] * 20 + [2] * 70)
    z = centres[labels] + torch.randn(100, 2).double()
    quantizer = kind(3, 2).double()
    quantizer.start(z.reshape(50, 2, 2))
    means = torch.stack([z[labels == i].mean(0) for i in range(3)])
    order = quantizer.codes(means)
    torch.testing.assert_close(quantizer.codebook.detach()[order], means)
    torch.testing.assert_close(quantizer.share[order], torch.tensor([0.1, 0.2, 0.7]).double())
    assert torch.equal(quantizer.codes(z), order[labels])
    quantizer(z)
    quantizer(z + 1)
    assert quantizer.codes(centres).sort().values.tolist() == [0, 1, 2], "it is not started anew"
    with pytest.raises(ShapeError, match="2 encodings for 3 codes"):
        quantizer.start(z[:2])


@KINDS
def test_without_a_start_codes_lie_on_the_first_batch(kind):
    quantizer = kind(6, 2)
    first, second = torch.randn(4, 3, 2), torch.randn(4, 3, 2)
    before = quantizer.codebook.detach().clone()
    quantizer(first)
    assert torch.equal(quantizer.codebook, before), "within a step the vectors stay"
    quantizer(second)
    assert rows_of(quantizer.codebook.detach(), first.reshape(-1, 2)).all()
    assert len(quantizer.codebook.detach().unique(dim=0)) == 6, "no encoding twice"
    few = kind(6, 2)
    few(first[0])
    few(second)
    assert rows_of(few.codebook.detach(), first[0]).all()


@KINDS
def test_dead_codes_are_revived(kind):
    """A code far from all encodings comes back; those in use stay near where they are."""
    quantizer = kind(4, 2, decay=0.5, revive_below=0.05)
    quantizer.start(torch.randn(40, 2))
    with torch.no_grad():
        quantizer.codebook[2] = 1e3
    given = []
    while quantizer.codebook[2, 0] == 1e3:
        alive = quantizer.codebook.detach().clone()
        given.append(torch.randn(16, 2))
        quantizer(given[-1])
    # A share of about 1/4 is halved by each batch; it is dead below 1/80, and the last one waits.
    assert 4 <= len(given) <= 7
    assert rows_of(quantizer.codebook.detach()[2:3], given[-2]).all()
    others = [0, 1, 3]
    assert (quantizer.codebook[others] - alive[others]).abs().max() < 2
    assert quantizer.share[2] == 0.25
    never = kind(4, 2, decay=0.5, revive_below=0.0)
    never.start(torch.randn(40, 2))
    with torch.no_grad():
        never.codebook[2] = 1e3
    for _ in range(20):
        never(torch.randn(16, 2))
    assert never.codebook[2, 0] == 1e3


@KINDS
def test_a_batch_counts_once(kind):
    """However often it comes in a row: particles one by one, a guide that scores again."""
    quantizer = kind(4, 2)
    quantizer.start(torch.randn(40, 2))
    twin = copy.deepcopy(quantizer)
    for _ in range(5):
        z = torch.randn(8, 2)
        quantizer(z)
        codebook, share = quantizer.codebook.detach().clone(), quantizer.share.clone()
        for _ in range(3):
            quantizer(z)
        assert torch.equal(quantizer.codebook, codebook)
        assert torch.equal(quantizer.share, share)
        twin(z)
        assert torch.equal(twin.codebook, codebook)
        assert torch.equal(twin.share, share)


@KINDS
def test_evaluation_teaches_nothing(kind):
    quantizer = kind(4, 2)
    quantizer(torch.randn(8, 2))
    before = {name: t.clone() for name, t in quantizer.state_dict().items()}
    quantizer.eval()
    quantizer(torch.randn(8, 2))
    quantizer.codes(torch.randn(8, 2))
    for name, tensor in quantizer.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    quantizer.train()
    quantizer.codes(torch.randn(8, 2))
    with torch.no_grad():
        quantizer(torch.randn(8, 2))
    for name, tensor in quantizer.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@KINDS
def test_encodings_that_are_not_finite_teach_nothing(kind):
    quantizer = kind(4, 2)
    quantizer.start(torch.randn(40, 2))
    quantizer(torch.full((8, 2), torch.nan))
    quantizer(torch.randn(8, 2))
    assert quantizer.codebook.isfinite().all() and quantizer.share.isfinite().all()


def test_perplexity_of_late():
    quantizer = MovingAverageCodebook(4, 1, decay=0.0, revive_below=0.0)
    quantizer.start(torch.arange(4.0)[:, None])
    assert quantizer.perplexity.item() == pytest.approx(4)
    quantizer(torch.tensor([[0.0], [0.1], [3.0], [3.1]]))
    quantizer(torch.zeros(1, 1))
    assert quantizer.perplexity.item() == pytest.approx(2)

"""Tests of ranks: their level, their bands, and the words for a misfit."""

import pytest
import torch
from scipy.stats import kstest

from pyrovae.apply.checking.ranks import UniformRanks, holm


@pytest.mark.parametrize(("num_data", "num_draws"), [(7, 9), (60, 19), (500, 99)])
def test_the_level_is_right_for_any_number_of_data(num_data, num_draws):
    test = UniformRanks(num_data, num_draws)
    ranks = torch.randint(num_draws + 1, (num_data, 1000))
    for p in (test.p_ecdf(ranks), test.p_chi_squared(ranks)):
        for level in (0.01, 0.05, 0.2):
            below = (p <= level).double().mean()
            assert below < level + 4 * (level * (1 - level) / 1000) ** 0.5
    if num_data == 500:
        assert kstest(test.p_ecdf(ranks).numpy(), "uniform").pvalue > 0.005


def test_the_band_holds_whole_curves_and_agrees_with_the_test():
    test = UniformRanks(200, 19)
    ranks = torch.randint(20, (200, 2000))
    at = torch.arange(1, 21).double() / 20
    ecdf = (ranks[:, :, None] <= torch.arange(20)).double().mean(0) - at  # [2000, 20]
    low, high = test.ecdf_bands
    inside = ((ecdf >= low - 1e-9) & (ecdf <= high + 1e-9)).all(1)
    share = inside.double().mean().item()
    assert abs(share - 0.95) < 0.02  # counts are whole numbers
    assert torch.equal(test.p_ecdf(ranks) >= 0.05, inside)


@pytest.mark.parametrize(
    ("draw", "shape"),
    [
        (lambda u: (u * 2 - 1).sign().mul((u * 2 - 1).abs() ** 0.5) / 2 + 0.5, "U: too narrow"),
        (lambda u: (u * 2 - 1).sign().mul((u * 2 - 1).abs() ** 2) / 2 + 0.5, "hump: too wide"),
        (lambda u: u**0.6, "slope: too low"),
        (lambda u: u**1.7, "slope: too high"),
        (lambda u: u, "uneven"),
    ],
)
def test_shapes(draw, shape):
    test = UniformRanks(1000, 99)
    ranks = (100 * draw(torch.linspace(0.0005, 0.9995, 1000))).floor().long()[:, None]
    assert test.shapes(ranks)[0].startswith(shape)
    assert (test.p_ecdf(ranks) < 0.001) == (shape != "uneven")
    assert (test.p_chi_squared(ranks) < 0.001) == (shape != "uneven")


def test_bins_cover_all_ranks():
    for num_data, num_draws in ((3, 9), (40, 10), (10_000, 99), (10_000, 12)):
        edges = UniformRanks(num_data, num_draws).bin_edges
        assert edges[0] == 0 and edges[-1] == num_draws + 1
        assert all(a < b for a, b in zip(edges, edges[1:], strict=False))


def test_holm_by_hand():
    found = holm(torch.tensor([0.01, 0.04, 0.03, 0.9]).double())
    torch.testing.assert_close(found, torch.tensor([0.04, 0.09, 0.09, 0.9]).double())
    assert holm(torch.tensor([0.6, 0.7])).tolist() == [1.0, 1.0]

"""Distances and overlaps against closed forms and other implementations."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch

from pyrovae.errors import ConfigError, DataError
from pyrovae.evaluate import frechet_distance, kernel_distance, overlap
from pyrovae.evaluate.quality.frechet import frechet_of_gaussians
from pyrovae.evaluate.quality.neighbours import nearest_distances
from pyrovae.evaluate.quality.result import closer_than


def normal(n, size, seed, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, size, generator=generator, dtype=torch.float64) + shift


def gaussian(size, seed, rank=None):
    root = normal(rank or size, size, seed)
    return normal(1, size, seed + 1)[0], root.T @ root


def test_frechet_of_commuting_gaussians():
    """tr(C1 + C2 - 2 (C1 C2)^1/2) = sum (s1 - s2)^2 where both are diagonal in one basis."""
    turn = torch.linalg.qr(normal(5, 5, 0)).Q
    one, other = torch.tensor([[1.0, 2, 0, 3, 0.1], [2.0, 0, 0, 1, 0.4]], dtype=torch.float64)
    mean = normal(1, 5, 1)[0]
    found = frechet_of_gaussians(
        mean, turn @ (one**2).diag() @ turn.T, mean + 2.0, turn @ (other**2).diag() @ turn.T
    )
    assert found == pytest.approx(20.0 + float((one - other).square().sum()), abs=1e-7)


@pytest.mark.parametrize("rank", [6, 3])
def test_frechet_against_scipy(rank):
    (mean, one), (other_mean, other) = gaussian(6, 0, rank), gaussian(6, 5)
    root = scipy.linalg.sqrtm((one @ other).numpy()).real
    exact = float((mean - other_mean).square().sum() + one.trace() + other.trace())
    exact -= 2 * np.trace(root)
    found = frechet_of_gaussians(mean, one, other_mean, other)
    assert found == pytest.approx(exact, rel=1e-6)
    assert found == pytest.approx(frechet_of_gaussians(other_mean, other, mean, one), rel=1e-12)


def test_frechet_is_zero_of_equal_and_biased_of_few():
    x = normal(300, 10, 0)
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(x, x.flip(0)) == pytest.approx(0.0, abs=1e-9)
    few = [frechet_distance(normal(n, 10, 1), normal(n, 10, 2)) for n in (50, 500, 5000)]
    assert few[0] > 5 * few[1] > 25 * few[2] > 0  # falls like 1 / N


def test_frechet_against_torchmetrics():
    fid = pytest.importorskip("torchmetrics.image.fid")
    one, other = normal(80, 7, 0), normal(60, 7, 3, 0.5) * 1.3

    class Same(torch.nn.Module):
        num_features = 7

        def forward(self, x):
            return x.flatten(1)

    metric = fid.FrechetInceptionDistance(
        feature=Same(), normalize=True, input_img_size=(1, 1, 7)
    ).set_dtype(torch.float64)
    for features, real in ((one, True), (other, False)):
        metric.update(features[:, None, None, :], real=real)
    assert frechet_distance(one, other) == pytest.approx(float(metric.compute()), rel=1e-5)


def mmd(one, other):
    """By its definition, with loops."""

    def kernel(a, b):
        return (float(a @ b) / len(a) + 1) ** 3

    n, m = len(one), len(other)
    own = sum(kernel(one[i], one[j]) for i in range(n) for j in range(n) if i != j)
    others = sum(kernel(other[i], other[j]) for i in range(m) for j in range(m) if i != j)
    across = sum(kernel(a, b) for a in one for b in other)
    return own / (n * (n - 1)) + others / (m * (m - 1)) - 2 * across / (n * m)


def test_kernel_distance_is_the_definition():
    one, other = normal(30, 3, 0), normal(25, 3, 1, 0.7)
    assert kernel_distance(one, other).value == pytest.approx(mmd(one, other), rel=1e-12)


def test_kernel_distance_is_unbiased_and_its_error_is_right():
    """Of N(0, 1) and N(d, 1) in one dimension: E (xy + 1)^3 from the moments."""
    shift = 0.8
    moments = [[1, 0, 1, 0], [1, shift, 1 + shift**2, shift**3 + 3 * shift]]

    def mean_kernel(a, b):
        return sum(math.comb(3, i) * a[i] * b[i] for i in range(4))

    exact = mean_kernel(*moments[:1] * 2) + mean_kernel(*moments[1:] * 2)
    exact -= 2 * mean_kernel(*moments)
    found = [
        kernel_distance(normal(100, 1, seed), normal(100, 1, 1000 + seed, shift))
        for seed in range(200)
    ]
    values = np.array([each.value for each in found])
    error = values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean() - exact) < 4.5 * error
    stated = np.sqrt(np.mean([each.standard_error**2 for each in found]))
    assert 0.8 < stated / values.std(ddof=1) < 1.3
    same = [kernel_distance(normal(60, 2, s), normal(60, 2, 500 + s)).value for s in range(200)]
    assert abs(np.mean(same)) < 4.5 * np.std(same) / math.sqrt(200)


def test_kernel_distance_against_torchmetrics():
    kid = pytest.importorskip("torchmetrics.image.kid")
    one, other = normal(50, 4, 0), normal(50, 4, 1, 0.5)
    found = kid.poly_mmd(one, other, degree=3, gamma=None, coef=1.0)
    assert kernel_distance(one, other).value == pytest.approx(float(found), rel=1e-9)


def test_equal_sets_overlap_and_disjoint_ones_do_not():
    x = normal(150, 3, 0)
    same = overlap(x, x)
    assert (same.precision, same.recall, same.coverage) == (1.0, 1.0, 1.0)
    assert overlap(x, x + 50.0) == (0.0, 0.0, 0.0, 0.0)
    half = torch.cat([x[:75], x[:75] + 50.0])  # half of the samples are far from all data
    assert overlap(x, half).precision == 0.5
    assert overlap(half, x).recall == 0.5


def test_one_cluster_of_two_is_precise_and_covers_half():
    left, right = normal(400, 2, 0), normal(400, 2, 1, 60.0)
    found = overlap(torch.cat([left, right]), normal(800, 2, 2))
    assert found.precision > 0.95 and 0.4 < found.coverage <= 0.5 and found.recall <= 0.5


def test_expectations_of_equal_distributions():
    found = [overlap(normal(400, 2, s), normal(400, 2, 99 + s), nearest=3) for s in range(10)]
    density = np.array([each.density for each in found])
    coverage = np.array([each.coverage for each in found])
    assert abs(density.mean() - 1) < 4.5 * density.std(ddof=1) / math.sqrt(10)
    assert abs(coverage.mean() - (1 - 2**-3)) < 4.5 * coverage.std(ddof=1) / math.sqrt(10) + 0.005


@pytest.mark.parametrize(("n", "m"), [(60, 60), (80, 50)])
def test_against_prdc(n, m):
    prdc = pytest.importorskip("prdc")
    real, generated = normal(n, 4, 0), normal(m, 4, 1, 0.4)
    theirs = prdc.compute_prdc(real.numpy(), generated.numpy(), nearest_k=4)
    found = overlap(real, generated, nearest=4)._asdict()
    assert found == pytest.approx({name: float(value) for name, value in theirs.items()})


def test_more_rows_than_are_held_at_once(monkeypatch):
    import importlib

    module = importlib.import_module("pyrovae.evaluate.quality.neighbours")
    real, generated = normal(70, 3, 0), normal(50, 3, 1)
    whole = overlap(real, generated), nearest_distances(generated, real)
    monkeypatch.setattr(module, "_ROWS", 16)
    parts = overlap(real, generated), nearest_distances(generated, real)
    assert parts[0] == whole[0]
    # Some processors round a product of fewer rows in another way.
    torch.testing.assert_close(parts[1], whole[1], rtol=1e-12, atol=0)


def test_closer_than_is_a_rank_probability():
    few, many = torch.tensor([1.0, 2.0, 5.0]), torch.tensor([2.0, 4.0])
    pairs = [(a < b) + 0.5 * (a == b) for a in few for b in many]
    assert closer_than(few, many) == pytest.approx(float(sum(map(float, pairs))) / 6)
    assert closer_than(many, many) == 0.5


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: frechet_distance(normal(5, 3, 0), normal(5, 4, 0)), DataError),
        (lambda: frechet_distance(normal(5, 3, 0), normal(1, 3, 0)), DataError),
        (lambda: kernel_distance(normal(5, 3, 0)[0], normal(5, 3, 0)), DataError),
        (lambda: overlap(normal(5, 3, 0), normal(5, 3, 0)), DataError),
        (lambda: overlap(normal(9, 3, 0), normal(9, 3, 0), nearest=0), ConfigError),
    ],
)
def test_what_cannot_be_compared(call, error):
    with pytest.raises(error):
        call()

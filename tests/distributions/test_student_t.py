"""Student's t against scipy."""

import math

import numpy as np
import pyro.distributions as dist
import pytest
import scipy.stats
import torch

from pyrovae.distributions.student_t import StudentT

DF = torch.tensor([0.3, 1.0, 2.0, 2.5, 31.9, 32.0, 1e3, 1e8], dtype=torch.float64)[:, None]
X = torch.tensor([-1e9, -3.0, 0.0, 1.0, 40.0], dtype=torch.float64)


def test_equals_scipy():
    d = StudentT(DF, torch.tensor(0.5).double(), torch.tensor(2.0).double())
    expected = torch.from_numpy(scipy.stats.t.logpdf(X.numpy(), DF.numpy(), 0.5, 2.0))
    torch.testing.assert_close(d.log_prob(X), expected, rtol=1e-8, atol=1e-8)


def test_integrates_to_one():
    t = torch.linspace(-30, 30, 6001).double()  # x = sinh(t)
    d = StudentT(DF[1:], torch.zeros(()).double(), torch.ones(()).double())
    total = torch.trapezoid(d.log_prob(t.sinh()).exp() * t.cosh(), t, dim=1)
    torch.testing.assert_close(total, torch.ones(len(DF) - 1).double(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("df", [100.0, 1e4, 1e6, 1e9])
def test_large_df_in_single_precision(df):
    x = torch.linspace(-4, 4, 21)
    one = torch.tensor(1.0)
    exact = scipy.stats.t.logpdf(x.double().numpy(), df)
    off = np.abs(StudentT(df * one, 0 * one, one).log_prob(x).double().numpy() - exact).max()
    assert off < 3e-6
    if df == 1e6:
        pyros = dist.StudentT(df * one, 0 * one, one).log_prob(x).double().numpy()
        assert np.abs(pyros - exact).max() > 0.05


def test_moments():
    d = StudentT(DF[:, 0], torch.tensor(0.5).double(), torch.tensor(2.0).double())
    assert d.mean[0].isnan() and (d.mean[2:] == 0.5).all()
    assert d.variance[0].isnan() and d.variance[1].isnan() and d.variance[2] == math.inf
    torch.testing.assert_close(d.variance[3:], 4 * DF[3:, 0] / (DF[3:, 0] - 2))


def test_draws_follow_the_distribution_function():
    torch.manual_seed(0)
    d, n = StudentT(torch.tensor([1.0, 3.0]), torch.zeros(2), torch.tensor([1.0, 2.0])), 4000
    x = d.sample((n,)).numpy()
    for i, scale in enumerate((1.0, 2.0)):
        p = scipy.stats.kstest(x[:, i], scipy.stats.t([1.0, 3.0][i], scale=scale).cdf).pvalue
        assert p > 1e-4

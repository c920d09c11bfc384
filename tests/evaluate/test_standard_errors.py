"""Means and errors of terms [K, N]."""

import math

import pytest
import torch

from pyrovae.evaluate.standard_errors import (
    averaged,
    cells_of_means,
    mean_error,
    monte_carlo_error,
    over_particles,
    records_of_means,
)


def test_errors_are_those_of_means():
    draws = torch.randn(50, 4, dtype=torch.float64)
    mean, error = over_particles(draws)
    torch.testing.assert_close(mean, draws.mean(0))
    torch.testing.assert_close(error, draws.std(0) / 50**0.5)
    assert mean_error(mean) == pytest.approx(float(mean.std()) / 2)
    assert monte_carlo_error(error) == pytest.approx(float(error.norm()) / 4)


def test_what_one_draw_or_one_datum_does_not_show():
    _, error = over_particles(torch.zeros(1, 3))
    assert error.isnan().all() and math.isnan(mean_error(torch.zeros(1)))


def test_terms_by_name():
    draws = torch.randn(5, 4, dtype=torch.float64)
    found = averaged({"a": draws, "b": 2 * draws})
    assert torch.equal(found["b"], 2 * found["a"])
    assert found["standard_errors"]["b"] == pytest.approx(2 * found["standard_errors"]["a"])
    assert found["monte_carlo_errors"]["b"] == pytest.approx(2 * found["monte_carlo_errors"]["a"])


def test_rows():
    found = {"kl": 1.5}, {"kl": 0.25}, {"kl": 0.12345}
    assert cells_of_means(*found)[1] == ["kl", "1.500", "0.250", "0.123"]
    assert records_of_means(*found) == [
        {"term": "kl", "nats": 1.5, "standard_error": 0.25, "monte_carlo_error": 0.12345}
    ]

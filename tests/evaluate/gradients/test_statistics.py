"""Figures of known moments."""

import math

import pytest
import torch

from pyrovae.evaluate import GradientStatistics


def made(mean, variance, reference, error=0.0, num_draws=100, directional=1.0):
    def tensor(values):
        return {"w": torch.tensor(values, dtype=torch.float64)}

    return GradientStatistics(
        mean=tensor(mean),
        variance=tensor(variance),
        reference=tensor(reference),
        reference_error=tensor([error] * len(mean)),
        reference_name="a book",
        directional_snr={"guide": directional},
        groups={"guide": ("w",)},
        num_draws=num_draws,
        milliseconds=2.0,
    )


def test_ratios_and_scores():
    found = made([1.0, -2.0], [4.0, 16.0], [2.0, -2.0], error=0.3)
    assert found.snr["w"].tolist() == [1.0, 0.5]
    assert found.bias["w"].tolist() == [-1.0, 0.0]
    assert found.z_scores["w"][0].item() == pytest.approx(-1 / math.sqrt(0.04 + 0.09))
    row = found.summary()["guide"]
    assert row["variance"] == 20 and row["variance_median"] == 10 and row["snr"] == 0.75
    assert row["snr_floor"] == pytest.approx(0.6745 * (0.15 + 0.075) / 2)
    assert row["parameters"] == 2 and not row["is_biased"]


def test_ratios_of_noise_are_marked():
    """The floor of a reference of error e is 0.6745 e / standard deviation."""
    for error, is_noise in ((0.7, False), (0.8, True)):
        found = made([1.0, 1.0], [4.0, 4.0], [1.0, 1.0], error=error)
        row = found.summary()["guide"]
        assert row["snr"] == 0.5 and row["snr_floor"] == pytest.approx(0.6745 * error / 2)
        assert row["snr_is_noise"] is is_noise
        assert ("~0.5" in str(found)) == is_noise == ("\n~: within twice" in str(found))
    nothing = made([0.0], [0.0], [0.0], directional=math.nan)
    assert nothing.summary()["guide"]["snr_is_noise"] is False


def test_a_gradient_that_is_always_zero_has_no_ratio():
    """As that of an upper bound to the model, whatever it is compared with."""
    for reference in ([0.0, 0.0], [1.0, -3.0]):
        found = made([0.0, 0.0], [0.0, 0.0], reference, directional=math.nan)
        row = found.summary()["guide"]
        assert found.snr["w"].isnan().all()
        assert math.isnan(row["snr"]) and math.isnan(row["directional_snr"])
        assert row["is_biased"] == any(reference)
    some = made([0.0, 1.0], [0.0, 4.0], [0.0, 1.0])
    assert some.summary()["guide"]["snr"] == 0.5


def test_a_gradient_without_noise_has_an_infinite_one():
    found = made([1.0, 3.0], [0.0, 0.0], [1.0, 3.0])
    assert found.snr["w"].tolist() == [math.inf] * 2
    assert found.summary()["guide"]["max_z"] == 0


def test_bias_beyond_chance():
    """Of 1000 coordinates the largest of 4 errors is chance, of two it is not."""
    mean = [0.4] + [0.0] * 999
    many = made(mean, [1.0] * 1000, [0.0] * 1000, num_draws=100)
    few = made(mean[:2], [1.0] * 2, [0.0] * 2, num_draws=100)
    assert many.summary()["guide"]["max_z"] == pytest.approx(4.0)
    assert not many.summary()["guide"]["is_biased"] and few.summary()["guide"]["is_biased"]
    rounded = made([1.0 + 1e-14], [0.0], [1.0])
    assert not rounded.summary()["guide"]["is_biased"]


def test_what_is_not_finite_is_not_called_biased():
    row = made([math.nan], [math.nan], [1.0]).summary()["guide"]
    assert math.isnan(row["snr"]) and math.isnan(row["max_z"]) and not row["is_biased"]


def test_is_printed():
    text = str(made([9.0, 1.0], [1.0, 1.0], [1.0, 1.0]))
    assert "biased" in text and "100 draws, 2.00 ms each; reference: a book" in text

"""The metrics that vote: FactorVAE's and beta-VAE's."""

import pytest
import torch

from pyrovae.evaluate import beta_vae_metric, factor_vae_metric

from .representations import FACTORS, dead, noise, rotated, themselves, with_dead

METRICS = [factor_vae_metric, beta_vae_metric]
FEW = {"num_votes": 2000, "num_test_votes": 1000}


@pytest.mark.parametrize("codes", [themselves(), with_dead()])
@pytest.mark.parametrize("metric", METRICS)
def test_the_factors_themselves(metric, codes):
    assert metric(codes, FACTORS, **FEW) == 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("codes", [noise(5), dead()])
def test_chance(metric, codes):
    assert metric(codes, FACTORS, **FEW) == pytest.approx(0.2, abs=0.06)


@pytest.mark.parametrize("metric", METRICS)
def test_a_rotation_is_told_less_well(metric):
    assert 0.3 < metric(rotated(), FACTORS, **FEW) < 0.98


def test_a_factor_without_a_code():
    """FactorVAE's metric guesses there; beta-VAE's tells it from all codes varying alike."""
    codes = FACTORS[:, :4].double()
    assert factor_vae_metric(codes, FACTORS, **FEW) == pytest.approx(0.8, abs=0.06)
    assert beta_vae_metric(codes, FACTORS, **FEW) == 1


def test_factor_vae_needs_a_code_for_each_factor_and_not_more():
    twice = torch.cat([FACTORS, FACTORS], 1).double()
    assert factor_vae_metric(twice, FACTORS, **FEW) == 1
    joined = FACTORS[:, :1] + 3.0 * FACTORS[:, 1:2]
    both = torch.cat([joined, FACTORS[:, 2:]], 1)
    assert factor_vae_metric(both, FACTORS, **FEW) == pytest.approx(0.8, abs=0.06)


@pytest.mark.parametrize("metric", METRICS)
def test_units_do_not_matter(metric):
    units = torch.tensor([1e-4, 1, 1e4, -3, 10]).double()
    one, other = (metric(c, FACTORS, seed=1, **FEW) for c in (rotated(), rotated() * units - 2))
    assert one == pytest.approx(other, abs=0.002)


@pytest.mark.parametrize("metric", METRICS)
def test_the_seed_decides(metric):
    one, two, other = (metric(rotated(), FACTORS, seed=s, **FEW) for s in (0, 0, 1))
    assert one == two != other

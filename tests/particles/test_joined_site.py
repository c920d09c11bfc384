"""Groups of particles, joined one after the other."""

import pytest
import torch

from pyrovae.particles import draw
from pyrovae.particles.particles import joined, scored
from tests.particles.small_pairs import call_of


@pytest.mark.parametrize("by_scores", [False, True], ids=["as drawn", "scores kept"])
@pytest.mark.parametrize("style", ["nested_plate", "subsampled_plate"])
def test_a_joined_site_has_what_its_parts_have(style, by_scores):
    parts = [draw(*call_of(style), num_particles=k) for k in (2, 3)]
    whole = joined([scored(p) for p in parts] if by_scores else parts)
    assert whole.num_particles == 5
    for sites in ("model_sites", "guide_sites"):
        for name, site in getattr(whole, sites).items():
            own = [getattr(p, sites)[name] for p in parts]
            assert torch.equal(site.log_prob, torch.cat([s.log_prob for s in own]))
            assert torch.equal(site.value, torch.cat([s.value for s in own]))
            assert (site.kind, site.is_latent) == (own[0].kind, own[0].is_latent)


def test_scales_and_plates_of_the_parts():
    parts = [draw(*call_of("subsampled_plate"), num_particles=k) for k in (1, 2)]
    site = joined(parts).guide_sites["z"]
    assert (site.subsampled, site.num_data) == (parts[0].guide_sites["z"].subsampled, 8)
    torch.testing.assert_close(site.scaled().log_prob, 2 * site.log_prob)

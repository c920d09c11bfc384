"""What is lost from spectrogram to sound."""

import torch

from pyrovae import data
from pyrovae.apply.sound import round_trip
from pyrovae.data import Spectrogram
from tests.result_contract import check_result


def test_measures_are_those_of_spectrograms_made_by_hand():
    sets = data.tones(takes=3)
    spectrogram = Spectrogram.from_json(sets.supplies["sound"])
    found = round_trip(spectrogram, sets.test.x)
    again = spectrogram.decibels(spectrogram.to_sound(sets.test.x).numpy())
    before = sets.test.x[:, 0] * spectrogram.scale + spectrogram.mean
    torch.testing.assert_close(spectrogram.in_decibels(found.heard[:, 0]), again)
    for i in range(3):
        wanted = (again[i] - before[i]).square().mean().sqrt()
        torch.testing.assert_close(found.decibels[i], wanted, rtol=1e-4, atol=0.0)
        one, other = 10 ** (before[i] / 20), 10 ** (again[i] / 20)
        torch.testing.assert_close(
            found.convergence[i], (other - one).norm() / one.norm(), rtol=1e-4, atol=0.0
        )
    assert float(found.convergence.mean()) < 0.3
    check_result(found, draws=False)


def test_more_steps_find_better_sound_and_what_no_sound_has_is_worse():
    sets = data.tones(takes=3)
    spectrogram = Spectrogram.from_json(sets.supplies["sound"])
    x = sets.test.x
    few, many = (round_trip(spectrogram, x, num_steps=n).convergence.mean() for n in (1, 32))
    assert many < 0.9 * few
    checks = torch.arange(24)[:, None] + torch.arange(24)  # loud and silent windows by turns
    strange = torch.where(checks % 2 == 0, 1.0, -1.2).expand(2, 1, 24, 24)
    assert round_trip(spectrogram, strange).convergence.mean() > 1.5 * many

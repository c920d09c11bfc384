"""An argument that a pair could take is none that it is called with."""

import pytest

from pyrovae.apply.labels import needs_label, takes_label
from pyrovae.data import Vocabulary
from pyrovae.models import VAE, ConditionalVAE, PartialVAE, TextVAE

LETTERS = Vocabulary.of(["ab"])


def optional(x, y=None):
    """Of a user's own."""


def both(x, y):
    """Of a user's own."""


@pytest.mark.parametrize(
    ("pair", "takes", "needs"),
    [
        (VAE.example(), False, False),
        (ConditionalVAE.example(), True, True),
        (PartialVAE.example(), True, True),
        (TextVAE(4, 2, vocabulary=LETTERS), False, False),
        (TextVAE(4, 2, vocabulary=LETTERS, num_classes=2), True, True),
    ],
)
def test_families_say_how_they_are_called(pair, takes, needs):
    assert takes_label(pair.model, pair.guide) == takes
    assert needs_label(pair.model, pair.guide) == needs


def test_signatures_say_it_of_other_programs():
    assert takes_label(optional, optional) and not needs_label(optional, optional)
    assert takes_label(both, both) and needs_label(both, both)

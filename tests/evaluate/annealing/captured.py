"""Makes measurements go through graphs however little work lies ahead."""

import sys
from contextlib import contextmanager

import pytest

from pyrovae.capture import CapturedCall

MODULE = sys.modules["pyrovae.evaluate.repeated"]


@contextmanager
def captured():
    """Within this context all that is repeated is captured; yields the captures, all in use."""
    made = []

    def noted(*args, **options):
        made.append(CapturedCall(*args, **options))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "_WORTH_A_TRACE", 0)
        patch.setattr(MODULE, "CapturedCall", noted)
        yield made
    assert made and [call.refusal for call in made] == [""] * len(made)
    assert all(call.seconds > 0 for call in made), "no graph was made"

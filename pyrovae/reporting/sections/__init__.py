"""The sections of a page, in their order. A new one is a file and a line."""

from collections.abc import Callable, Sequence

from ..section import Section
from ..subject import Subject
from .comparisons import comparisons
from .curves import curves
from .diagnosis import diagnosis
from .elbo_parts import elbo_parts
from .evidence import evidence
from .images import images
from .measurements import measurements
from .origin import origin
from .readings import readings
from .runs import runs
from .uses import uses

SECTIONS: Sequence[Callable[[Sequence[Subject]], Section | None]] = (
    runs,
    diagnosis,
    measurements,
    curves,
    images,
    readings,
    evidence,
    elbo_parts,
    comparisons,
    uses,
    origin,
)
"""Each is a function of the runs of a page; None where it has nothing to say."""

__all__ = ["SECTIONS"]
